package graph

import (
	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// Softmax turns logits (classes) into probabilities. Of (C, H, W) it does so at each place of the
// plane, over the channels. As a model's last layer it also declares the loss: see [Loss].
type Softmax struct {
	elementwise
	Name string `json:"name,omitempty"`
}

// Label is the layer's own name.
func (s Softmax) Label() string { return s.Name }

// Lower adds a Softmax op.
func (Softmax) Lower(l *Lowering) (*G.Node, error) { return ops.Softmax(l.X()) }
