package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// An ActivationFunction is a layer that applies one function to each value. Pictures, explanations
// and exports of an activation are made from its function.
type ActivationFunction interface {
	Layer
	Function() ops.Function
}

// ReLU is max(x, 0) (Nair and Hinton 2010).
type ReLU struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (r ReLU) Label() string { return r.Name }

// Function returns the activation.
func (ReLU) Function() ops.Function { return ops.ReLUFunction() }

// Lower adds the function's op.
func (r ReLU) Lower(l *Lowering) (*G.Node, error) { return r.Function().Apply(l.X()) }

// LeakyReLU is x where x > 0, else Alpha·x (Maas, Hannun and Ng 2013).
type LeakyReLU struct {
	elementwise
	Name  string  `json:"name,omitempty"`
	Alpha float64 `json:"alpha,omitempty"` // 0 is 0.01
}

// Label returns the layer's own name.
func (r LeakyReLU) Label() string { return r.Name }

// Function returns the activation.
func (r LeakyReLU) Function() ops.Function { return ops.LeakyReLUFunction(orDefault(r.Alpha, 0.01)) }

// Output returns the input's shape.
func (r LeakyReLU) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return in[0], r.Function().Check()
}

// Lower adds the function's op.
func (r LeakyReLU) Lower(l *Lowering) (*G.Node, error) { return r.Function().Apply(l.X()) }

// ELU is x where x > 0, else Alpha·(e^x-1) (Clevert, Unterthiner and Hochreiter 2015).
type ELU struct {
	elementwise
	Name  string  `json:"name,omitempty"`
	Alpha float64 `json:"alpha,omitempty"` // 0 is 1
}

// Label returns the layer's own name.
func (e ELU) Label() string { return e.Name }

// Function returns the activation.
func (e ELU) Function() ops.Function { return ops.ELUFunction(orOne(e.Alpha)) }

// Output returns the input's shape.
func (e ELU) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], e.Function().Check() }

// Lower adds the function's op.
func (e ELU) Lower(l *Lowering) (*G.Node, error) { return e.Function().Apply(l.X()) }

// CELU is x where x > 0, else Alpha·(e^(x/Alpha)-1) (Barron 2017).
type CELU struct {
	elementwise
	Name  string  `json:"name,omitempty"`
	Alpha float64 `json:"alpha,omitempty"` // 0 is 1
}

// Label returns the layer's own name.
func (c CELU) Label() string { return c.Name }

// Function returns the activation.
func (c CELU) Function() ops.Function { return ops.CELUFunction(orOne(c.Alpha)) }

// Output returns the input's shape.
func (c CELU) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], c.Function().Check() }

// Lower adds the function's op.
func (c CELU) Lower(l *Lowering) (*G.Node, error) { return c.Function().Apply(l.X()) }

// SELU is the scaled exponential linear unit (Klambauer et al. 2017).
type SELU struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (s SELU) Label() string { return s.Name }

// Function returns the activation.
func (SELU) Function() ops.Function { return ops.SELUFunction() }

// Lower adds the function's op.
func (s SELU) Lower(l *Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// SiLU is x·σ(x), also called swish (Elfwing, Uchibe and Doya 2017).
type SiLU struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (s SiLU) Label() string { return s.Name }

// Function returns the activation.
func (SiLU) Function() ops.Function { return ops.SiLUFunction() }

// Lower adds the function's op.
func (s SiLU) Lower(l *Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// HardSwish is x·min(max(x/6+1/2, 0), 1) (Howard et al. 2019).
type HardSwish struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (h HardSwish) Label() string { return h.Name }

// Function returns the activation.
func (HardSwish) Function() ops.Function { return ops.HardSwishFunction() }

// Lower adds the function's op.
func (h HardSwish) Lower(l *Lowering) (*G.Node, error) { return h.Function().Apply(l.X()) }

// Mish is x·tanh(softplus(x)) (Misra 2019).
type Mish struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (m Mish) Label() string { return m.Name }

// Function returns the activation.
func (Mish) Function() ops.Function { return ops.MishFunction() }

// Lower adds the function's op.
func (m Mish) Lower(l *Lowering) (*G.Node, error) { return m.Function().Apply(l.X()) }

// Softplus is log(1+e^x).
type Softplus struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (s Softplus) Label() string { return s.Name }

// Function returns the activation.
func (Softplus) Function() ops.Function { return ops.SoftplusFunction() }

// Lower adds the function's op.
func (s Softplus) Lower(l *Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// Softsign is x/(1+|x|).
type Softsign struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (s Softsign) Label() string { return s.Name }

// Function returns the activation.
func (Softsign) Function() ops.Function { return ops.SoftsignFunction() }

// Lower adds the function's op.
func (s Softsign) Lower(l *Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// Sigmoid is σ(x) = 1/(1+e^-x).
type Sigmoid struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (s Sigmoid) Label() string { return s.Name }

// Function returns the activation.
func (Sigmoid) Function() ops.Function { return ops.SigmoidFunction() }

// Lower adds the function's op.
func (s Sigmoid) Lower(l *Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// Tanh is A·tanh(B·x); A and B of 0 are 1. LeCun et al. 1998 take A = 1.7159, B = 2/3.
type Tanh struct {
	elementwise
	Name string  `json:"name,omitempty"`
	A    float64 `json:"a,omitempty"`
	B    float64 `json:"b,omitempty"`
}

// Label returns the layer's own name.
func (t Tanh) Label() string { return t.Name }

// Function returns the activation.
func (t Tanh) Function() ops.Function { return ops.TanhFunction(orOne(t.A), orOne(t.B)) }

// Output returns the input's shape.
func (t Tanh) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], t.Function().Check() }

// Lower adds the function's op.
func (t Tanh) Lower(l *Lowering) (*G.Node, error) { return t.Function().Apply(l.X()) }

// GELU is x·Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel 2016), or its
// approximation by tanh.
type GELU struct {
	elementwise
	Name        string `json:"name,omitempty"`
	Approximate bool   `json:"approximate,omitempty"` // 0.5·x·(1+tanh(√(2/π)·(x+0.044715·x³)))
}

// Label returns the layer's own name.
func (g GELU) Label() string { return g.Name }

// Function returns the activation.
func (g GELU) Function() ops.Function {
	if g.Approximate {
		return ops.GELUTanhFunction()
	}
	return ops.GELUFunction()
}

// Lower adds the function's op.
func (g GELU) Lower(l *Lowering) (*G.Node, error) { return g.Function().Apply(l.X()) }

// HardSigmoid is min(max(Alpha·x+Beta, 0), 1). If both are 0 they are MobileNetV3's, 1/6 and 1/2
// (Howard et al. 2019).
type HardSigmoid struct {
	elementwise
	Name  string  `json:"name,omitempty"`
	Alpha float64 `json:"alpha,omitempty"`
	Beta  float64 `json:"beta,omitempty"`
}

// Label returns the layer's own name.
func (h HardSigmoid) Label() string { return h.Name }

// Function returns the activation.
func (h HardSigmoid) Function() ops.Function {
	if h.Alpha == 0 && h.Beta == 0 {
		return ops.HardSigmoidFunction(1./6, 0.5)
	}
	return ops.HardSigmoidFunction(h.Alpha, h.Beta)
}

// Output returns the input's shape.
func (h HardSigmoid) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return in[0], h.Function().Check()
}

// Lower adds the function's op.
func (h HardSigmoid) Lower(l *Lowering) (*G.Node, error) { return h.Function().Apply(l.X()) }

// Erf is the error function, 2/√π·∫ e^(-t²) dt from 0 to x.
type Erf struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label returns the layer's own name.
func (e Erf) Label() string { return e.Name }

// Function returns the activation.
func (Erf) Function() ops.Function { return ops.ErfFunction() }

// Lower adds the function's op.
func (e Erf) Lower(l *Lowering) (*G.Node, error) { return e.Function().Apply(l.X()) }

// Clip is min(max(x, Min), Max). Clip{Max: 6} is ReLU6 (Krizhevsky 2010).
type Clip struct {
	elementwise
	Name string  `json:"name,omitempty"`
	Min  float64 `json:"min,omitempty"`
	Max  float64 `json:"max"`
}

// Label returns the layer's own name.
func (c Clip) Label() string { return c.Name }

// Function returns the activation.
func (c Clip) Function() ops.Function { return ops.ClipFunction(c.Min, c.Max) }

// Output returns the input's shape.
func (c Clip) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if !(c.Min < c.Max) {
		return nil, fmt.Errorf("min and max: got %g and %g, want min below max", c.Min, c.Max)
	}
	return in[0], c.Function().Check()
}

// Lower adds the function's op.
func (c Clip) Lower(l *Lowering) (*G.Node, error) { return c.Function().Apply(l.X()) }
