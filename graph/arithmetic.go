package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Subtract is the first value less the second, of one shape.
type Subtract struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Divide is the first value divided by the second, of one shape.
type Divide struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Maximum is the larger of two values of one shape (Goodfellow et al. 2013, maxout).
type Maximum struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// Minimum is the smaller of two values of one shape.
type Minimum struct {
	Name string `json:"name,omitempty"`
	pairwise
}

// pairwise is what joins of two values of one shape have in common.
type pairwise struct{}

// Reads is two values.
func (pairwise) Reads() (least, most int) { return 2, 2 }

// Output is the values' shape.
func (pairwise) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if !in[1].Eq(in[0]) {
		return nil, fmt.Errorf("value 2 is %v: want %v, the first one's shape", in[1], in[0])
	}
	return in[0], nil
}

// Parameters are none.
func (pairwise) Parameters(...tensor.Shape) []Parameter { return nil }

// MultiplyAdds is one for each value.
func (pairwise) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Label is the layer's own name.
func (s Subtract) Label() string { return s.Name }

// Label is the layer's own name.
func (d Divide) Label() string { return d.Name }

// Label is the layer's own name.
func (m Maximum) Label() string { return m.Name }

// Label is the layer's own name.
func (m Minimum) Label() string { return m.Name }

// Lower adds a Subtract op.
func (Subtract) Lower(l *Lowering) (*G.Node, error) { return ops.Subtract(l.Inputs[0], l.Inputs[1]) }

// Lower adds a Divide op.
func (Divide) Lower(l *Lowering) (*G.Node, error) { return ops.Divide(l.Inputs[0], l.Inputs[1]) }

// Lower adds a Maximum op.
func (Maximum) Lower(l *Lowering) (*G.Node, error) { return ops.Maximum(l.Inputs[0], l.Inputs[1]) }

// Lower adds a Minimum op.
func (Minimum) Lower(l *Lowering) (*G.Node, error) { return ops.Minimum(l.Inputs[0], l.Inputs[1]) }
