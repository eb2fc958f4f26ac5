package solver

import (
	"fmt"
	"math"
	"strconv"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Solver is what training needs of an optimizer: to make steps, to follow a schedule, and to be saved and resumed. *Optimizer is one.
type Solver interface {
	G.Solver
	LR() float64
	SetLR(lr float64) error
	State() State
	SetState(s State) error
}

// Optimizer is one of the optimizers of this package, with its memory of every parameter it has seen. It is not for concurrent use.
type Optimizer struct {
	rule     rule
	config   Config
	steps    int
	attempts int                // calls of Step, failed ones too
	memories map[string]*memory // by parameter name
	batch    []parameter        // of the step being made
}

var _ Solver = (*Optimizer)(nil)

type parameter struct {
	name        string
	value, grad *tensor.Dense
	memory      *memory
}

// New returns the optimizer of this name (see Names; upper and lower case are the same). Fields of c left 0 take its defaults.
func New(name string, c Config) (*Optimizer, error) {
	r, err := ruleNamed(name)
	if err != nil {
		return nil, err
	}
	if c, err = r.complete(c); err != nil {
		return nil, err
	}
	return &Optimizer{rule: r, config: c, memories: map[string]*memory{}}, nil
}

// Name returns the name by which New knows the optimizer.
func (s *Optimizer) Name() string { return s.rule.name }

// Config returns the constants in use, defaults filled in; LR is the present rate.
func (s *Optimizer) Config() Config { return s.config }

// Steps returns how many steps were made.
func (s *Optimizer) Steps() int { return s.steps }

// LR returns the present learning rate.
func (s *Optimizer) LR() float64 { return s.config.LR }

// SetLR sets the learning rate of the following steps; a schedule is a call of it before each.
func (s *Optimizer) SetLR(lr float64) error {
	if err := fields[0].check(lr); err != nil {
		return fmt.Errorf("solver: %s: %w", s.rule.name, err)
	}
	s.config.LR = lr
	return nil
}

// Step changes the values of a model's parameters by their gradients, which it leaves as they are. Values and gradients are *tensor.Dense
// of float32 or float64, contiguous, of one shape. A parameter is known by its Name method if it has one, else by its place in the model.
// On an error nothing was changed.
func (s *Optimizer) Step(model []G.ValueGrad) error {
	if err := s.gather(model); err != nil {
		return fmt.Errorf("solver: %s: step %d: %w", s.rule.name, s.steps+1, err)
	}
	scale, err := s.clipScale()
	if err != nil {
		return fmt.Errorf("solver: %s: step %d: %w", s.rule.name, s.steps+1, err)
	}
	s.steps++
	for _, p := range s.batch {
		s.update(p, scale)
	}
	return nil
}

func (s *Optimizer) update(p parameter, scale float64) {
	decay := s.config.WeightDecay
	if p.value.Dtype() == tensor.Float64 {
		var slots [2][]float64
		for i, m := range p.memory.slots {
			slots[i] = m.Float64s()
		}
		s.rule.double(s, p.value.Float64s(), kernel.Gradient[float64]{Values: p.grad.Float64s(), Scale: scale, Decay: decay}, slots)
		return
	}
	var slots [2][]float32
	for i, m := range p.memory.slots {
		slots[i] = m.Float32s()
	}
	s.rule.single(s, p.value.Float32s(), kernel.Gradient[float32]{Values: p.grad.Float32s(), Scale: scale, Decay: decay}, slots)
}

// gather checks the model's parameters and puts them into s.batch with their memories.
func (s *Optimizer) gather(model []G.ValueGrad) error {
	s.batch = s.batch[:0]
	s.attempts++
	for i, vg := range model {
		p, err := parameterOf(i, vg)
		if err != nil {
			return err
		}
		if p.memory, err = s.memoryOf(p); err != nil {
			return err
		}
		if p.memory.attempt == s.attempts {
			return fmt.Errorf("two parameters are named %q: want names that differ", p.name)
		}
		p.memory.attempt = s.attempts
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

// memoryOf returns the memory of a parameter, empty at its first step.
func (s *Optimizer) memoryOf(p parameter) (*memory, error) {
	m, ok := s.memories[p.name]
	if !ok {
		m = s.rule.newMemory(p.value)
		s.memories[p.name] = m
	}
	for i, slot := range m.slots {
		if slot.Dtype() != p.value.Dtype() || !slot.Shape().Eq(p.value.Shape()) {
			return nil, fmt.Errorf("parameter %q is %v %v, but its remembered %s is %v %v: want the model the state is of",
				p.name, p.value.Dtype(), p.value.Shape(), s.rule.slots[i], slot.Dtype(), slot.Shape())
		}
	}
	return m, nil
}

// clipScale returns what the gradients are multiplied by so that their norm, over all parameters together, is at most ClipNorm
// (Pascanu, Mikolov, Bengio 2013); PyTorch's 1e-6 keeps the quotient finite.
func (s *Optimizer) clipScale() (float64, error) {
	if s.config.ClipNorm == 0 {
		return 1, nil
	}
	total := 0.0
	for _, p := range s.batch {
		total += sumSquares(p.grad)
	}
	norm := math.Sqrt(total)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return 0, fmt.Errorf("the gradients' norm is %g: want a finite one, lower the learning rate", norm)
	}
	return min(1, s.config.ClipNorm/(norm+1e-6)), nil
}

func sumSquares(d *tensor.Dense) float64 {
	if d.Dtype() == tensor.Float64 {
		return kernel.SumSquares(d.Float64s())
	}
	return kernel.SumSquares(d.Float32s())
}
