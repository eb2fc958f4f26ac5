package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Softmax turns logits (classes) into probabilities. As a model's last layer it is also its loss: training lowers it to the softmax
// cross-entropy with the labels.
type Softmax struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label is the layer's own name.
func (s Softmax) Label() string { return s.Name }

// Output is (classes).
func (Softmax) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() != 1 {
		return nil, fmt.Errorf("input is %v: want (classes), as an Affine layer gives", in[0])
	}
	return in[0], nil
}

// Lower adds a Softmax op.
func (Softmax) Lower(l *Lowering) (*G.Node, error) { return ops.Softmax(l.X()) }
