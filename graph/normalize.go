package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Normalize subtracts from each channel the mean of the training set and divides it by the deviation, constants that nothing learns: as a
// model's first layer it makes the model take images as they are, with values from 0 to 1.
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
		return nil, fmt.Errorf("%d means and %d deviations: want %d of each, one for each channel", len(n.Mean), len(n.Std), in[0][0])
	}
	for c, d := range n.Std {
		if !(d > 0) {
			return nil, fmt.Errorf("deviation of channel %d is %g: want more than 0", c, d)
		}
		if !inFloat32(1 / d) {
			return nil, fmt.Errorf("deviation of channel %d is %g: in float32 nothing can be divided by so small a number", c, d)
		}
	}
	return in[0], nil
}

// Lower adds a Normalize op.
func (n Normalize) Lower(l *Lowering) (*G.Node, error) {
	return ops.Normalize(l.X(), n.Mean, n.Std)
}
