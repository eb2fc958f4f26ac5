package gradcheck

import (
	"fmt"
	"math"
	"slices"
)

// A line is the function along a straight line through the point where the gradient is taken: t ↦ f(x + t·d).
type line func(t float64) (float64, error)

// A method is how the derivative of a line is estimated.
type method struct {
	step      float64 // the first step; each further one is half the one before
	steps     int     // how many steps there are
	plain     bool    // the central difference itself, not the extrapolated one
	roundoff  float64 // of one evaluation of the line
	tolerance float64 // how well the estimate shall agree with the gradient
	floor     float64 // the least magnitude that errors are relative to
}

// A slope is an estimate of a line's derivative at 0.
type slope struct {
	value   float64
	noise   float64 // what rounding contributes to value's error
	lo, hi  float64 // the one-sided derivatives, where they disagree
	kink    bool    // value means nothing: use lo and hi
	retried bool    // the first step wasn't good enough
}

// errorOf is the error of a gradient along the line relative to its size, or by how much it lies outside the one-sided derivatives.
func (m method) errorOf(gradient float64, s slope) float64 {
	scale := m.scale(gradient, s)
	if s.kink {
		return max(s.lo-gradient, gradient-s.hi, 0) / scale
	}
	return math.Abs(gradient-s.value) / scale
}

func (m method) scale(gradient float64, s slope) float64 {
	return max(math.Abs(gradient), math.Abs(s.value), m.floorAt(s), math.SmallestNonzeroFloat64)
}

func (m method) floorAt(s slope) float64 { return max(m.floor, s.noise/m.tolerance) }

// A level holds the one-sided difference quotients of one step h.
type level struct {
	h, forward, backward float64
}

func (l level) central() float64 { return (l.forward + l.backward) / 2 }

func (l level) finite() bool {
	return !math.IsNaN(l.forward-l.backward) && !math.IsInf(l.forward-l.backward, 0)
}

// gap is how far the one-sided quotients are apart: h·f″ + h³/12·f⁗ where f is smooth.
func (l level) gap() float64 { return l.forward - l.backward }

func (m method) level(f line, f0, h float64) (level, error) {
	above, err := f(h)
	if err != nil {
		return level{}, err
	}
	below, err := f(-h)
	if err != nil {
		return level{}, err
	}
	return level{h: h, forward: (above - f0) / h, backward: (f0 - below) / h}, nil
}

// derivative estimates f'(0). Two steps are enough where they agree with the gradient and show no kink. Otherwise all levels are taken, and
// which of them counts is decided without regard to the gradient.
func (m method) derivative(f line, f0, gradient float64) (slope, error) {
	var levels []level
	for k := range m.steps {
		l, err := m.level(f, f0, math.Ldexp(m.step, -k))
		if err != nil {
			return slope{}, err
		}
		levels = append(levels, l)
		if k != 1 {
			continue
		}
		s := m.estimate(levels[0], levels[1])
		if m.smooth(levels[0], levels[1]) && m.errorOf(gradient, s) <= m.tolerance {
			return s, nil
		}
	}
	return m.settle(levels)
}

// estimate combines the central differences C of the steps h and h/2. C(h) = f' + h²/6·f‴ + O(h⁴), so (4·C(h/2) - C(h))/3 has lost the h²
// term (Richardson). A central difference carries at most roundoff/h, the combination at most (4·2 + 1)/3 of that.
func (m method) estimate(whole, half level) slope {
	if m.plain {
		return slope{value: whole.central(), noise: m.roundoff / whole.h}
	}
	return slope{value: (4*half.central() - whole.central()) / 3, noise: 3 * m.roundoff / whole.h}
}

// smooth says whether the gap halves with the step, as it does but for h³/32·f⁗ where f is smooth. A kink that turns the slope by J adds
// J/2 to what is missing if it is at the point, J·(1 - d/h)/2 if it is at a distance d between h/2 and h; and then the estimate is off by a
// third of that. So what is missing has to be within the tolerance, or within rounding.
func (m method) smooth(whole, half level) bool {
	if !whole.finite() || !half.finite() {
		return false
	}
	missing := math.Abs(whole.gap()/2 - half.gap())
	return missing <= m.tolerance*max(math.Abs(half.central()), m.floor)+10*m.roundoff/whole.h
}

// settle picks the step whose estimate moves least when the step is halved, rounding included, among those that show no kink. If its
// estimate isn't good enough for the tolerance, a kink is too close for any step.
func (m method) settle(levels []level) (slope, error) {
	var best slope
	least := math.Inf(1) // uncertainty so far
	for k := range len(levels) - 2 {
		if !m.smooth(levels[k], levels[k+1]) || !levels[k+2].finite() {
			continue
		}
		s := m.estimate(levels[k], levels[k+1])
		moved := math.Abs(s.value - m.estimate(levels[k+1], levels[k+2]).value)
		if uncertainty := moved + s.noise; uncertainty < least {
			best, least = s, uncertainty
		}
	}
	best.retried = true
	if least-best.noise <= m.tolerance*max(math.Abs(best.value), m.floorAt(best)) {
		return best, nil
	}
	return m.atKink(levels)
}

// atKink gives the one-sided derivatives, from the steps in the middle, where curvature and rounding both disturb them little. Each is
// extrapolated: F(h) = f'± + h/2·f″± + O(h²), so 2·F(h/2) - F(h) has lost the h term.
func (m method) atKink(levels []level) (slope, error) {
	levels = slices.DeleteFunc(levels, func(l level) bool { return !l.finite() })
	if len(levels) < 2 {
		return slope{}, fmt.Errorf("the function isn't finite in its neighbourhood")
	}
	whole, half := levels[len(levels)/2-1], levels[len(levels)/2]
	ahead, behind := 2*half.forward-whole.forward, 2*half.backward-whole.backward
	return slope{
		value: (ahead + behind) / 2, noise: 10 * m.roundoff / whole.h, retried: true, kink: true,
		lo: min(ahead, behind), hi: max(ahead, behind),
	}, nil
}
