package gradcheck

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// checker is one run of a check: the function at its point, with the gradients there.
type checker struct {
	f      Func
	o      Options
	points []point
	loss   float64
	method method
	report Report
	second bool // the gradients are second derivatives
}

// point is one input with its gradient.
type point struct {
	name     string
	shape    tensor.Shape
	value    values
	gradient values
}

// The first step and the number of steps. The extrapolated difference has a truncation error of
// h⁴/480·f⁽⁵⁾ and a rounding error of about 3·ε·|f|/h, which are equal near h = ε^(1/5). In float64
// the first step is smaller, so that it reaches fewer kinks.
const (
	firstStep64, steps64 = 1e-3, 16
	firstStep32, steps32 = 1.0 / 16, 6
	secondStep64         = 1e-4 // gradients jump at kinks, so second derivatives reach for fewer
	epsilon64            = 0x1p-52
	epsilon32            = 0x1p-23
)

func epsilonOf(dt tensor.Dtype) float64 {
	if dt == tensor.Float32 {
		return epsilon32
	}
	return epsilon64
}

func check(f Func, o Options, second bool) (*Report, error) {
	c, err := newChecker(f, o)
	if err != nil {
		return nil, err
	}
	if err := c.evaluate(); err != nil {
		return nil, err
	}
	c.second = second
	c.method = c.newMethod()
	for i := range c.points {
		if err := c.compare(&c.points[i], uint64(i)); err != nil {
			return nil, fmt.Errorf("input %q: %w", c.points[i].name, err)
		}
	}
	c.report.Loss = c.loss
	return &c.report, nil
}

func newChecker(f Func, o Options) (*checker, error) {
	if f.Loss == nil || f.Gradients == nil {
		return nil, fmt.Errorf("got no loss or no gradients, want both")
	}
	if o.Directions < 0 || o.Samples < 0 || !sensible(o.Tolerance) || !sensible(o.Floor) || !sensible(o.Step) {
		return nil, fmt.Errorf("options: got %+v, want finite numbers of at least 0", o)
	}
	all, err := inputValues(f.Inputs)
	if err != nil {
		return nil, err
	}
	c := &checker{f: f}
	for i, in := range f.Inputs {
		c.points = append(c.points, point{name: in.Name, shape: in.Value.Shape().Clone(), value: all[i]})
	}
	dt := f.Inputs[0].Value.Dtype()
	if least := math.Sqrt(epsilonOf(dt)); o.Step > 0 && o.Step < least {
		return nil, fmt.Errorf(
			"step: got %g, want at least %.1g: rounding errors of %v dominate smaller ones", o.Step, least, dt,
		)
	}
	c.o = o.withDefaults(dt)
	c.report = Report{Dtype: dt.String(), Directions: c.o.Directions, Tolerance: c.o.Tolerance}
	return c, nil
}

// sensible reports whether v is a finite number of at least 0.
func sensible(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }

// evaluate computes the loss and the gradients at the point. It evaluates the loss twice to detect
// nondeterminism.
func (c *checker) evaluate() error {
	loss, err := c.evaluateLoss()
	if err != nil {
		return err
	}
	again, err := c.evaluateLoss()
	if err != nil {
		return err
	}
	if !xmath.IsFinite(loss) {
		return fmt.Errorf("loss: got %v, want a finite number", loss)
	}
	if again != loss {
		return fmt.Errorf("loss: got %v, then %v at the same inputs, want a deterministic function", loss, again)
	}
	c.loss = loss
	return c.evaluateGradients()
}

func (c *checker) evaluateLoss() (float64, error) {
	c.report.Evaluations++
	y, err := c.f.Loss()
	if err != nil {
		return 0, fmt.Errorf("loss: %w", err)
	}
	return y, nil
}

func (c *checker) evaluateGradients() error {
	gradients, err := c.f.Gradients()
	if err != nil {
		return fmt.Errorf("gradients: %w", err)
	}
	if len(gradients) != len(c.points) {
		return fmt.Errorf("got %d gradients, want %d, one for each input", len(gradients), len(c.points))
	}
	for i, g := range gradients {
		if err := c.points[i].setGradient(g); err != nil {
			return fmt.Errorf("gradient of %q: %w", c.points[i].name, err)
		}
	}
	return nil
}

func (p *point) setGradient(g *tensor.Dense) error {
	v, err := copyOfDense(g)
	if err != nil {
		return err
	}
	if !slices.Equal(g.Shape(), p.shape) { // Eq doesn't distinguish (5, 1) from (5)
		return fmt.Errorf("got shape %v, want %v", g.Shape(), p.shape)
	}
	for i := range v.len() {
		if x := v.at(i); !xmath.IsFinite(x) {
			return fmt.Errorf("got %v at %v, want finite numbers", x, coordinates(p.shape, i))
		}
	}
	p.gradient = v
	return nil
}

// newMethod also estimates the rounding error of the loss: ε times the sum of its size and its
// change if every element of the inputs changed independently by ε of itself.
func (c *checker) newMethod() method {
	m := method{step: firstStep64, steps: steps64, roundoff: epsilon64, tolerance: c.o.Tolerance, floor: c.o.Floor}
	if c.points[0].value.f32 != nil {
		m.step, m.steps, m.roundoff = firstStep32, steps32, epsilon32
	}
	if c.second && c.points[0].value.f64 != nil {
		m.step = secondStep64
	}
	if c.o.Step > 0 {
		m.step, m.plain = c.o.Step, true
	}
	if c.second {
		m.roundoff *= 8 // of gradients, which have been through twice as many sums
	}
	terms := 0.0
	for _, p := range c.points {
		for i := range p.value.len() {
			t := p.value.at(i) * p.gradient.at(i)
			terms += t * t
		}
	}
	m.roundoff *= math.Abs(c.loss) + math.Sqrt(terms)
	return m
}

// compare checks one input and adds it to the report.
func (c *checker) compare(p *point, stream uint64) error {
	in := InputReport{Name: p.name, Shape: p.shape, Elements: p.value.len()}
	var err error
	if c.o.Directions == 0 {
		err = c.compareElements(p, p.all(), p.value.len(), &in)
	} else {
		err = c.project(p, stream, &in)
	}
	if err != nil {
		return err
	}
	c.report.Inputs = append(c.report.Inputs, in)
	return nil
}

// project compares the steepest elements and random directions. One at a kink shows little, so
// another follows it, up to a multiple of what was asked for.
func (c *checker) project(p *point, stream uint64, in *InputReport) error {
	in.wanted = c.o.Directions
	if err := c.compareElements(p, p.steepest(redraws*c.o.Samples), c.o.Samples, in); err != nil {
		return err
	}
	smooth := in.smooth()
	for k := 0; k < redraws*c.o.Directions && in.smooth() < smooth+c.o.Directions; k++ {
		if err := c.compareDirection(p, newDirection(c.o.Seed, stream, k), k, in); err != nil {
			return fmt.Errorf("along direction %d: %w", k, err)
		}
	}
	return nil
}

// redraws is how many times as many comparisons the projected mode makes at most, to replace those
// at kinks.
const redraws = 8

// compareElements compares elements until n of them are away from kinks.
func (c *checker) compareElements(p *point, elements []int, n int, in *InputReport) error {
	for _, i := range elements {
		if in.smooth() == n {
			return nil
		}
		compared, err := c.element(p, i)
		if err != nil {
			return fmt.Errorf("at %v: %w", coordinates(p.shape, i), err)
		}
		in.addElement(compared)
	}
	return nil
}

func (p *point) all() []int {
	all := make([]int, p.value.len())
	for i := range all {
		all[i] = i
	}
	return all
}

// steepest returns the n elements with the largest gradients.
func (p *point) steepest(n int) []int {
	steepness := func(i int) float64 { return math.Abs(p.gradient.at(i)) }
	var best []int
	for i := range p.value.len() {
		if len(best) == n && steepness(i) <= steepness(best[n-1]) {
			continue
		}
		best = append(best[:min(len(best), n-1)], i)
		slices.SortStableFunc(best, func(i, j int) int { return cmp.Compare(steepness(j), steepness(i)) })
	}
	return best
}

// element compares the i-th element of an input.
func (c *checker) element(p *point, i int) (comparison, error) {
	m := c.method
	if !m.plain {
		m.step *= max(1, math.Abs(p.value.at(i)))
	}
	compared, err := c.compareRay(ray{
		method:   m,
		gradient: func() float64 { return p.gradient.at(i) },
		loss: func(t float64) (float64, error) {
			x := p.value.at(i)
			p.value.set(i, x+t)
			defer p.value.set(i, x)
			return c.evaluateLoss()
		},
	})
	compared.Index = coordinates(p.shape, i)
	return compared, err
}

// compare compares a gradient with the derivative of a line.
func (m method) compare(f line, f0, gradient float64) (comparison, error) {
	s, err := m.derivative(f, f0, gradient)
	return comparison{
		Element: Element{Gradient: gradient, Numerical: s.value, Error: m.errorOf(gradient, s)},
		slope:   s, floor: m.floorAt(s),
	}, err
}

// compareDirection compares the derivative along a direction. If it is wrong, it also finds the
// element with the largest part in the error.
func (c *checker) compareDirection(p *point, d direction, k int, in *InputReport) error {
	whole := span{0, p.value.len()}
	compared, err := c.along(p, d, whole)
	if err != nil {
		return err
	}
	compared.Direction = &k
	in.add(compared)
	if compared.Error <= c.o.Tolerance {
		return nil
	}
	i, err := c.blame(p, d, whole)
	if err != nil {
		return err
	}
	compared, err = c.element(p, i)
	if err != nil {
		return err
	}
	in.addElement(compared)
	return nil
}

// blame bisects the span down to one element, each time choosing the half with the larger
// difference between gradient and numerical derivative.
func (c *checker) blame(p *point, d direction, s span) (int, error) {
	for s.to-s.from > 1 {
		first, second := s.halves()
		a, err := c.along(p, d, first)
		if err != nil {
			return 0, err
		}
		b, err := c.along(p, d, second)
		if err != nil {
			return 0, err
		}
		s = first
		if math.Abs(b.Gradient-b.Numerical) > math.Abs(a.Gradient-a.Numerical) {
			s = second
		}
	}
	return s.from, nil
}

// along compares the derivative along the part of a direction that moves a span of elements. All of
// them move at once, so more elements take a shorter step.
func (c *checker) along(p *point, d direction, moved span) (comparison, error) {
	m := c.method
	if !m.plain {
		m.step /= math.Sqrt(math.Sqrt(float64(moved.to - moved.from)))
	}
	value := p.value.slice(moved)
	origin := value.clone()
	return c.compareRay(ray{
		method: m,
		gradient: func() (sum float64) {
			for i := range value.len() {
				sum += d.at(moved.from+i) * p.gradient.at(moved.from+i)
			}
			return sum
		},
		loss: func(t float64) (float64, error) {
			origin.copyFrom(value)
			defer value.copyFrom(origin)
			for i := range value.len() {
				value.set(i, origin.at(i)+t*d.at(moved.from+i))
			}
			return c.evaluateLoss()
		},
	})
}
