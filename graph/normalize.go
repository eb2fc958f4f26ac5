package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Normalize subtracts from each channel the mean of the training set and divides it by the std.
// Both are constants. As the first layer of a model it lets the model read images with values from
// 0 to 1.
type Normalize struct {
	elementwise
	Name string    `json:"name,omitempty"`
	Mean []float64 `json:"mean"`
	Std  []float64 `json:"deviation"`
}

// Label returns the layer's own name.
func (n Normalize) Label() string { return n.Name }

// Output returns the input's shape.
func (n Normalize) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if len(n.Mean) != in[0][0] || len(n.Std) != in[0][0] {
		return nil, fmt.Errorf("got %d means and %d stds, want %d of each, one for each channel",
			len(n.Mean), len(n.Std), in[0][0])
	}
	for c, std := range n.Std {
		if !(std > 0) {
			return nil, fmt.Errorf("std of channel %d: got %g, want more than 0", c, std)
		}
		if !inFloat32(1 / std) {
			return nil, fmt.Errorf("std of channel %d: got %g, want 1/std in the range of float32", c, std)
		}
	}
	return in[0], nil
}

// Lower adds a Normalize op.
func (n Normalize) Lower(l *Lowering) (*G.Node, error) {
	return ops.Normalize(l.X(), n.Mean, n.Std)
}
