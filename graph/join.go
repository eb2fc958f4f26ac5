package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Add is the sum of values of equal shape: a residual connection (He et al. 2015).
type Add struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (a Add) Label() string { return a.Name }

// Reads returns two values or more, up to 1024.
func (Add) Reads() (least, most int) { return 2, maxJoin }

// Output returns the inputs' shape.
func (Add) Output(in ...tensor.Shape) (tensor.Shape, error) {
	for i, s := range in[1:] {
		if !slices.Equal(s, in[0]) {
			return nil, fmt.Errorf("value %d: got %v, want %v, the first one's shape", i+2, s, in[0])
		}
	}
	return in[0], nil
}

// MultiplyAdds returns one addition for each value of each input except the first.
func (Add) MultiplyAdds(in ...tensor.Shape) int64 { return int64(len(in)-1) * elements(in[0]) }

// Lower adds an Add op.
func (Add) Lower(l *Lowering) (*G.Node, error) { return ops.Add(l.Inputs...) }

// Multiply is the product of two values of equal shape, or of (C, H, W) and a gate of (C) or (C, 1,
// 1) that scales its channels (squeeze-and-excitation: Hu et al. 2018).
type Multiply struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (m Multiply) Label() string { return m.Name }

// Reads returns two values.
func (Multiply) Reads() (least, most int) { return 2, 2 }

// Output returns the first input's shape.
func (Multiply) Output(in ...tensor.Shape) (tensor.Shape, error) {
	x, gate := in[0], in[1]
	if slices.Equal(gate, x) {
		return x, nil
	}
	if isGate(x, gate) {
		return nil, fmt.Errorf("value 1 is %v, a gate for value 2, %v: want the gate second", x, gate)
	}
	if x.Dims() != 3 {
		return nil, fmt.Errorf("value 2: got %v, want %v, the first one's shape", gate, x)
	}
	if isGate(gate, x) {
		return x, nil
	}
	return nil, fmt.Errorf("value 2: got %v, want %v, or a gate (%d) or (%d, 1, 1) for the channels", gate,
		x, x[0], x[0])
}

// MultiplyAdds returns one for each value.
func (Multiply) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a Multiply op.
func (Multiply) Lower(l *Lowering) (*G.Node, error) { return ops.Multiply(l.Inputs[0], l.Inputs[1]) }

// Concat concatenates values of equal height and width along the channels, or vectors along the
// features.
type Concat struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (c Concat) Label() string { return c.Name }

// Reads returns two values or more, up to 1024.
func (Concat) Reads() (least, most int) { return 2, maxJoin }

// Output returns (sum of the channels, H, W), or (sum of the features).
func (Concat) Output(in ...tensor.Shape) (tensor.Shape, error) {
	out := in[0].Clone()
	for i, s := range in[1:] {
		if !slices.Equal(s[1:], out[1:]) {
			return nil, fmt.Errorf("value %d: got %v, want height and width of the first one, %v", i+2, s, in[0])
		}
		if out[0] += s[0]; out[0] > maxSide {
			return nil, fmt.Errorf("more than %d channels in all", maxSide)
		}
	}
	return out, nil
}

// Lower adds a Concat op.
func (Concat) Lower(l *Lowering) (*G.Node, error) { return ops.Concat(l.Inputs...) }

// isGate reports whether a shape is (C) or (C, 1, 1), for an image of C channels.
func isGate(gate, image tensor.Shape) bool {
	return image.Dims() == 3 && gate[0] == image[0] && gate.TotalSize() == image[0]
}

// Subtract is the first value minus the second, of equal shape.
type Subtract struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Label returns the layer's own name.
func (s Subtract) Label() string { return s.Name }

// Lower adds a Subtract op.
func (Subtract) Lower(l *Lowering) (*G.Node, error) { return ops.Subtract(l.Inputs[0], l.Inputs[1]) }

// Divide is the first value divided by the second, of equal shape.
type Divide struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Label returns the layer's own name.
func (d Divide) Label() string { return d.Name }

// Lower adds a Divide op.
func (Divide) Lower(l *Lowering) (*G.Node, error) { return ops.Divide(l.Inputs[0], l.Inputs[1]) }

// Maximum is the larger of two values of equal shape (maxout: Goodfellow et al. 2013).
type Maximum struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Label returns the layer's own name.
func (m Maximum) Label() string { return m.Name }

// Lower adds a Maximum op.
func (Maximum) Lower(l *Lowering) (*G.Node, error) { return ops.Maximum(l.Inputs[0], l.Inputs[1]) }

// Minimum is the smaller of two values of equal shape.
type Minimum struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Label returns the layer's own name.
func (m Minimum) Label() string { return m.Name }

// Lower adds a Minimum op.
func (Minimum) Lower(l *Lowering) (*G.Node, error) { return ops.Minimum(l.Inputs[0], l.Inputs[1]) }

// pairwise has the methods of joins of two values of equal shape.
type pairwise struct{ plain }

// Reads returns two values.
func (pairwise) Reads() (least, most int) { return 2, 2 }

// Output returns the values' shape.
func (pairwise) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if !in[1].Eq(in[0]) {
		return nil, fmt.Errorf("value 2: got %v, want %v, the first one's shape", in[1], in[0])
	}
	return in[0], nil
}

// MultiplyAdds returns one for each value.
func (pairwise) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }
