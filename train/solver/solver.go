package solver

import (
	"fmt"
	"math"
	"strconv"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/xmath"
)

// Solver is an optimizer as training uses it: it makes steps, follows a schedule, and can be saved
// and resumed. *Optimizer implements it.
type Solver interface {
	G.Solver
	LR() float64
	SetLR(lr float64) error
	State() State
	SetState(s State) error
}

// Optimizer is one of this package's optimizers, with its state for every parameter it has updated.
// It is not safe for concurrent use.
type Optimizer struct {
	rule     rule
	config   Config
	steps    int
	attempts int                    // calls of Step, including failed ones
	states   map[string]*paramState // by parameter name
	batch    []parameter            // parameters of the current step
	sharing  sharing
}

var _ Solver = (*Optimizer)(nil)

type parameter struct {
	name        string
	value, grad *tensor.Dense
	state       *paramState
}

// New returns the optimizer of the given name (see Names; case doesn't matter). Fields of c that
// are 0 take its defaults.
func New(name string, c Config) (*Optimizer, error) {
	r, err := ruleNamed(name)
	if err != nil {
		return nil, err
	}
	if c, err = r.complete(c); err != nil {
		return nil, err
	}
	return &Optimizer{rule: r, config: c, states: map[string]*paramState{}}, nil
}

// Name returns the name that New takes.
func (s *Optimizer) Name() string { return s.rule.name }

// Config returns the constants in use, including defaults; LR is the current rate.
func (s *Optimizer) Config() Config { return s.config }

// Steps returns the number of steps made.
func (s *Optimizer) Steps() int { return s.steps }

// LR returns the current learning rate.
func (s *Optimizer) LR() float64 { return s.config.LR }

// SetLR sets the learning rate of the following steps. A schedule calls it before each step.
func (s *Optimizer) SetLR(lr float64) error {
	if err := fields[0].check(lr); err != nil {
		return fmt.Errorf("solver: %s: %w", s.rule.name, err)
	}
	s.config.LR = lr
	return nil
}

// Step updates the values of a model's parameters by their gradients, which it doesn't change.
// Values and gradients are contiguous *tensor.Dense of float32 or float64, of one shape. A
// parameter is identified by its Name method if it has one, else by its index in the model. On an
// error nothing is changed, unless a peer is lost that shares the update; see Share.
func (s *Optimizer) Step(model []G.ValueGrad) error {
	if err := s.gather(model); err != nil {
		return fmt.Errorf("solver: %s: step %d: %w", s.rule.name, s.steps+1, err)
	}
	scale, err := s.clipScale()
	if err != nil {
		return fmt.Errorf("solver: %s: step %d: %w", s.rule.name, s.steps+1, err)
	}
	if err := s.shareBatch(); err != nil {
		return err
	}
	if err := s.meet(); err != nil {
		return err
	}
	s.steps++
	for _, p := range s.batch {
		s.update(p, scale)
	}
	return s.meet()
}

func (s *Optimizer) update(p parameter, scale float64) {
	decay := s.config.WeightDecay
	if p.value.Dtype() == tensor.Float64 {
		var slots [2][]float64
		for i, m := range p.state.slots {
			slots[i] = m.Float64s()
		}
		s.rule.double(
			s, p.value.Float64s(), kernel.Gradient[float64]{Values: p.grad.Float64s(), Scale: scale, Decay: decay},
			slots,
		)
		return
	}
	var slots [2][]float32
	for i, m := range p.state.slots {
		slots[i] = s.ofShare(p, m.Float32s())
	}
	g := kernel.Gradient[float32]{Values: s.ofShare(p, p.grad.Float32s()), Scale: scale, Decay: decay}
	s.rule.single(s, s.ofShare(p, p.value.Float32s()), g, slots)
}

// gather checks the model's parameters and puts them into s.batch with their states.
func (s *Optimizer) gather(model []G.ValueGrad) error {
	s.batch = s.batch[:0]
	s.attempts++
	for i, vg := range model {
		p, err := parameterOf(i, vg)
		if err != nil {
			return err
		}
		if p.state, err = s.stateOf(p); err != nil {
			return err
		}
		if p.state.attempt == s.attempts {
			return fmt.Errorf("two parameters are named %q: want names that differ", p.name)
		}
		p.state.attempt = s.attempts
		s.batch = append(s.batch, p)
	}
	return nil
}

func parameterOf(i int, vg G.ValueGrad) (parameter, error) {
	p := parameter{name: nameOf(i, vg)}
	g, err := vg.Grad()
	if err != nil {
		return p, fmt.Errorf("parameter %q has no gradient: %w", p.name, err)
	}
	if p.value, err = dense(vg.Value()); err != nil {
		return p, fmt.Errorf("parameter %q: its value %w", p.name, err)
	}
	if p.grad, err = dense(g); err != nil {
		return p, fmt.Errorf("parameter %q: its gradient %w", p.name, err)
	}
	if p.value.Dtype() != p.grad.Dtype() || !p.value.Shape().Eq(p.grad.Shape()) {
		return p, fmt.Errorf("parameter %q is %v %v, its gradient %v %v: want the same type and shape",
			p.name, p.value.Dtype(), p.value.Shape(), p.grad.Dtype(), p.grad.Shape())
	}
	return p, nil
}

func nameOf(i int, vg G.ValueGrad) string {
	if named, ok := vg.(G.Namer); ok {
		return named.Name()
	}
	return strconv.Itoa(i)
}

func dense(v G.Value) (*tensor.Dense, error) {
	d, ok := v.(*tensor.Dense)
	if !ok || d == nil {
		return nil, fmt.Errorf("is a %T: want a *tensor.Dense", v)
	}
	if t := d.Dtype(); t != tensor.Float32 && t != tensor.Float64 {
		return nil, fmt.Errorf("is of type %v: want float32 or float64", t)
	}
	if d.RequiresIterator() {
		return nil, fmt.Errorf("is a view %v with gaps: want contiguous elements, clone it", d.Shape())
	}
	return d, nil
}

// stateOf returns the state of a parameter, which is zero at its first step.
func (s *Optimizer) stateOf(p parameter) (*paramState, error) {
	m, ok := s.states[p.name]
	if !ok {
		m = s.rule.newState(p.value)
		s.states[p.name] = m
	}
	for i, slot := range m.slots {
		if slot.Dtype() != p.value.Dtype() || !slot.Shape().Eq(p.value.Shape()) {
			return nil, fmt.Errorf("parameter %q is %v %v, but its state %s is %v %v: want the model of this state",
				p.name, p.value.Dtype(), p.value.Shape(), s.rule.slots[i], slot.Dtype(), slot.Shape())
		}
	}
	return m, nil
}

// clipScale returns the factor that keeps the norm of all gradients together at most ClipNorm
// (Pascanu, Mikolov, Bengio 2013). PyTorch's 1e-6 keeps the quotient finite.
func (s *Optimizer) clipScale() (float64, error) {
	if s.config.ClipNorm == 0 {
		return 1, nil
	}
	total := 0.0
	for _, p := range s.batch {
		total += sumSquares(p.grad)
	}
	norm := math.Sqrt(total)
	if !xmath.IsFinite(norm) {
		return 0, fmt.Errorf("gradient norm: got %g, want a finite number: lower the learning rate", norm)
	}
	return min(1, s.config.ClipNorm/(norm+1e-6)), nil
}

func sumSquares(d *tensor.Dense) float64 {
	if d.Dtype() == tensor.Float64 {
		return kernel.SumSquares(d.Float64s())
	}
	return kernel.SumSquares(d.Float32s())
}
