package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Affine is a fully connected layer of Units outputs, y = W·x + b. An input of (C, H, W) is
// flattened first. Its parameters are "weight" (units, features) and "bias" (units).
type Affine struct {
	Name   string  `json:"name,omitempty"`
	Units  int     `json:"units"`
	Init   Init    `json:"init,omitzero"`
	Bias   float64 `json:"bias,omitempty"`    // initial value of the biases
	NoBias bool    `json:"no_bias,omitempty"` // leaves out the biases
}

// Label returns the layer's own name.
func (a Affine) Label() string { return a.Name }

// Output returns (units).
func (a Affine) Output(...tensor.Shape) (tensor.Shape, error) {
	if a.Units < 1 {
		return nil, fmt.Errorf("got %d units, want at least 1", a.Units)
	}
	if a.NoBias && a.Bias != 0 {
		return nil, fmt.Errorf("bias: got %g, want 0 for a layer without biases", a.Bias)
	}
	return tensor.Shape{a.Units}, nil
}

// Parameters returns the weight and the bias.
func (a Affine) Parameters(in ...tensor.Shape) []Parameter {
	features := in[0].TotalSize()
	weight := Parameter{Name: "weight", Shape: tensor.Shape{a.Units, features}, FanIn: features, Init: a.Init}
	return withBias(weight, a.NoBias, a.Bias, a.Units)
}

// MultiplyAdds returns one for each weight.
func (a Affine) MultiplyAdds(in ...tensor.Shape) int64 {
	return int64(a.Units) * int64(in[0].TotalSize())
}

// Lower adds an Affine op, after a Flatten op if x is (N, C, H, W).
func (a Affine) Lower(l *Lowering) (*G.Node, error) {
	x, err := flat(l.X())
	if err != nil {
		return nil, err
	}
	return ops.Affine(x, l.Param("weight"), l.Param("bias"))
}

// Flatten turns (C, H, W) into (C·H·W).
type Flatten struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (f Flatten) Label() string { return f.Name }

// Output returns (features).
func (Flatten) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return tensor.Shape{in[0].TotalSize()}, nil
}

// Lower adds a Flatten op.
func (Flatten) Lower(l *Lowering) (*G.Node, error) { return ops.Flatten(l.X()) }

// flat returns x as (N, features).
func flat(x *G.Node) (*G.Node, error) {
	if x.Dims() > 2 {
		return ops.Flatten(x)
	}
	return x, nil
}
