package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Softmax turns logits (classes) into probabilities. For (C, H, W) it does so at each position,
// over the channels, or along another axis. As the last layer it also selects the default loss: see
// [Loss].
type Softmax struct {
	elementwise
	Name string `json:"name,omitempty"`
	Axis int    `json:"axis,omitempty"` // 0 is the channels, 1 the height, 2 the width
}

// Label returns the layer's own name.
func (s Softmax) Label() string { return s.Name }

// Output returns the input's shape.
func (s Softmax) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return in[0], checkAxis(s.Axis, in[0])
}

// Lower adds a Softmax op.
func (s Softmax) Lower(l *Lowering) (*G.Node, error) { return alongAxis(l.X(), s.Axis, ops.Softmax) }

// LogSoftmax is the logarithm of [Softmax].
type LogSoftmax struct {
	elementwise
	Name string `json:"name,omitempty"`
	Axis int    `json:"axis,omitempty"` // 0 is the channels, 1 the height, 2 the width
}

// Label returns the layer's own name.
func (s LogSoftmax) Label() string { return s.Name }

// Output returns the input's shape.
func (s LogSoftmax) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return in[0], checkAxis(s.Axis, in[0])
}

// Lower adds a LogSoftmax op.
func (s LogSoftmax) Lower(l *Lowering) (*G.Node, error) {
	return alongAxis(l.X(), s.Axis, ops.LogSoftmax)
}

func checkAxis(axis int, in tensor.Shape) error {
	if axis < 0 || axis >= len(in) {
		return fmt.Errorf("axis: got %d for the input %v, want 0 to %d", axis, in, len(in)-1)
	}
	return nil
}

// alongAxis applies an op over the channels to another axis, by swapping the two before and after
// it.
func alongAxis(x *G.Node, axis int, over func(*G.Node) (*G.Node, error)) (*G.Node, error) {
	if axis == 0 {
		return over(x)
	}
	exchanged, err := exchange(x, axis)
	if err != nil {
		return nil, err
	}
	y, err := over(exchanged)
	if err != nil {
		return nil, err
	}
	return exchange(y, axis)
}

// exchange swaps the channels of images with another axis.
func exchange(x *G.Node, axis int) (*G.Node, error) {
	dims := x.Shape()[1:].Clone()
	order := []int{0, 1, 2}
	order[0], order[axis] = axis, 0
	shape := dims.Clone()
	shape[0], shape[axis] = dims[axis], dims[0]
	return ops.Rearrange(x, dims, order, shape)
}
