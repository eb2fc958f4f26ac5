package gradcheck

import (
	"fmt"
	"math"
	"slices"

	"convgraph/internal/xmath"
)

// line is the function along a straight line through the point of the gradient: t ↦ f(x + t·d).
type line func(t float64) (float64, error)

// method describes how the derivative of a line is estimated.
type method struct {
	step      float64 // first step; each further one is half the one before
	steps     int     // number of steps
	plain     bool    // without extrapolation
	roundoff  float64 // of one evaluation of the line
	tolerance float64 // largest relative error against the gradient
	floor     float64 // least magnitude that errors are relative to
}

// slope is an estimate of a line's derivative at 0.
type slope struct {
	value   float64
	noise   float64 // part of value's error from rounding
	lo, hi  float64 // one-sided derivatives, where they disagree
	kink    bool    // value is meaningless: use lo and hi
	retried bool    // the first step wasn't good enough
}

// errorOf is the relative error of a gradient along the line, or its relative distance from the
// interval of the one-sided derivatives.
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

// level holds the one-sided difference quotients of one step h.
type level struct {
	h, forward, backward float64
}

func (l level) central() float64 { return (l.forward + l.backward) / 2 }

func (l level) finite() bool {
	return xmath.IsFinite(l.forward - l.backward)
}

// gap is the difference of the one-sided quotients: h·f″ + h³/12·f⁗ where f is smooth.
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

// derivative estimates f'(0). Two steps are enough if they agree with the gradient and show no
// kink. Otherwise it takes all levels and chooses among them without using the gradient.
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

// estimate combines the central differences C of the steps h and h/2. C(h) = f' + h²/6·f‴ + O(h⁴),
// so (4·C(h/2) - C(h))/3 has lost the h² term (Richardson). A central difference carries at most
// roundoff/h, the combination at most (4·2 + 1)/3 of that.
func (m method) estimate(whole, half level) slope {
	if m.plain {
		return slope{value: whole.central(), noise: m.roundoff / whole.h}
	}
	return slope{value: (4*half.central() - whole.central()) / 3, noise: 3 * m.roundoff / whole.h}
}

// smooth reports whether the gap halves with the step, as it does up to h³/32·f⁗ where f is smooth.
// A kink that changes the slope by J adds J/2 to the missing part if it is at the point, or J·(1 -
// d/h)/2 if it is at a distance d between h/2 and h; the estimate is then wrong by a third of that.
// So the missing part must be within the tolerance, or within rounding.
func (m method) smooth(whole, half level) bool {
	if !whole.finite() || !half.finite() {
		return false
	}
	missing := math.Abs(whole.gap()/2 - half.gap())
	return missing <= m.tolerance*max(math.Abs(half.central()), m.floor)+10*m.roundoff/whole.h
}

// settle picks, among the steps that show no kink, the one whose estimate changes least when the
// step is halved, including rounding. If its estimate isn't good enough for the tolerance, a kink
// is too close for any step.
func (m method) settle(levels []level) (slope, error) {
	var best slope
	least := math.Inf(1) // least uncertainty so far
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

// atKink returns the one-sided derivatives from the steps in the middle, where curvature and
// rounding both have little effect. Each is extrapolated: F(h) = f'± + h/2·f″± + O(h²), so 2·F(h/2)
// - F(h) has no h term.
func (m method) atKink(levels []level) (slope, error) {
	levels = slices.DeleteFunc(levels, func(l level) bool { return !l.finite() })
	if len(levels) < 2 {
		return slope{}, fmt.Errorf("the function isn't finite near the point")
	}
	whole, half := levels[len(levels)/2-1], levels[len(levels)/2]
	ahead, behind := 2*half.forward-whole.forward, 2*half.backward-whole.backward
	return slope{
		value: (ahead + behind) / 2, noise: 10 * m.roundoff / whole.h, retried: true, kink: true,
		lo: min(ahead, behind), hi: max(ahead, behind),
	}, nil
}
