package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Rearrange moves the numbers within each sample. It reads a sample as an array of sizes Dims,
// permutes the axes to Order (none: unchanged) and gives the result the shape Shape. Transposing
// and reshaping are special cases.
type Rearrange struct {
	Name  string `json:"name,omitempty"`
	Dims  []int  `json:"dims,omitempty"` // none: the input's own
	Order []int  `json:"order,omitempty"`
	Shape []int  `json:"shape"` // (C, H, W) or (features)
	plain
}

// Label returns the layer's own name.
func (r Rearrange) Label() string { return r.Name }

// Output returns Shape.
func (r Rearrange) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if len(r.Shape) != 1 && len(r.Shape) != 3 {
		return nil, fmt.Errorf("shape: got %v, want (channels, height, width) or (features)", r.Shape)
	}
	dims, order := r.axes(in[0])
	size := elements(in[0])
	if !positive(r.Shape) || !positive(dims) || elements(r.Shape) != size || elements(dims) != size {
		return nil, fmt.Errorf("%v to %v: want as many numbers as the input %v has", dims, r.Shape, in[0])
	}
	sorted := slices.Sorted(slices.Values(order))
	for i, axis := range sorted {
		if i != axis || len(order) != len(dims) {
			return nil, fmt.Errorf("order: got %v for %d axes, want each axis once", order, len(dims))
		}
	}
	return slices.Clone(r.Shape), nil
}

// Lower adds a Rearrange op.
func (r Rearrange) Lower(l *Lowering) (*G.Node, error) {
	dims, order := r.axes(tensor.Shape(l.X().Shape()[1:]))
	return ops.Rearrange(l.X(), dims, order, r.Shape)
}

// axes returns the sizes and the order, with defaults filled in.
func (r Rearrange) axes(in tensor.Shape) (dims, order []int) {
	dims, order = r.Dims, r.Order
	if dims == nil {
		dims = in
	}
	if order == nil {
		for axis := range dims {
			order = append(order, axis)
		}
	}
	return dims, order
}

// Take selects the slices of an axis at the listed indices, in their order. An index may occur
// several times. Axis 0 is the channels, or the features; 1 the height, 2 the width.
type Take struct {
	Name    string `json:"name,omitempty"`
	Axis    int    `json:"axis,omitempty"`
	Indices []int  `json:"indices"`
	plain
}

// Label returns the layer's own name.
func (t Take) Label() string { return t.Name }

// Output returns the input's shape with one slice of the axis for each index.
func (t Take) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if t.Axis < 0 || t.Axis >= len(in[0]) {
		return nil, fmt.Errorf("axis: got %d for the input %v, want 0 to %d", t.Axis, in[0], len(in[0])-1)
	}
	if len(t.Indices) < 1 || len(t.Indices) > maxSide {
		return nil, fmt.Errorf("got %d indices, want 1 to %d", len(t.Indices), maxSide)
	}
	for _, i := range t.Indices {
		if i < 0 || i >= in[0][t.Axis] {
			return nil, fmt.Errorf("index %d of axis %d: want 0 to %d", i, t.Axis, in[0][t.Axis]-1)
		}
	}
	out := in[0].Clone()
	out[t.Axis] = len(t.Indices)
	return out, nil
}

// Lower adds a Take op.
func (t Take) Lower(l *Lowering) (*G.Node, error) { return ops.Take(l.X(), t.Axis+1, t.Indices) }

// Pad adds rows above and below and columns left and right, filled with Value.
type Pad struct {
	Name  string  `json:"name,omitempty"`
	Begin Pair    `json:"begin,omitzero"` // rows above, columns left
	End   Pair    `json:"end,omitzero"`   // rows below, columns right
	Value float64 `json:"value,omitempty"`
	plain
}

// Label returns the layer's own name.
func (p Pad) Label() string { return p.Name }

// Output returns (C, H+rows, W+columns).
func (p Pad) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if err := checkPadding(p.Begin[0], p.Begin[1], p.End[0], p.End[1]); err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], in[0][1] + p.Begin[0] + p.End[0], in[0][2] + p.Begin[1] + p.End[1]}, nil
}

// Lower adds a Pad op.
func (p Pad) Lower(l *Lowering) (*G.Node, error) {
	return ops.Pad(l.X(), p.Begin[0], p.End[0], p.Begin[1], p.End[1], p.Value)
}

func positive(sizes []int) bool {
	return !slices.ContainsFunc(sizes, func(n int) bool { return n < 1 })
}
