package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Scale multiplies the input by learned factors and adds learned terms. Both have the shape Shape,
// with as many axes as the input. An axis of size 1 is shared: [C, 1, 1] is one factor and one term
// for each channel, like ConvNeXt's layer scale (Liu et al. 2022). Its parameters are "weight" and
// "bias".
type Scale struct {
	Name     string `json:"name,omitempty"`
	Shape    []int  `json:"shape"`
	NoWeight bool   `json:"no_weight,omitempty"` // leaves out the factors
	NoBias   bool   `json:"no_bias,omitempty"`   // leaves out the terms
}

// Label returns the layer's own name.
func (s Scale) Label() string { return s.Name }

// Output returns the input's shape.
func (s Scale) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if s.NoWeight && s.NoBias {
		return nil, fmt.Errorf("neither factors nor terms: want at least one of them")
	}
	if len(s.Shape) != len(in[0]) {
		return nil, fmt.Errorf("shape: got %v for the input %v, want as many sizes", s.Shape, in[0])
	}
	for i, n := range s.Shape {
		if n != 1 && n != in[0][i] {
			return nil, fmt.Errorf("shape: got %v for the input %v, want the same sizes, or 1", s.Shape, in[0])
		}
	}
	return in[0], nil
}

// Parameters returns the factors and the terms.
func (s Scale) Parameters(...tensor.Shape) (params []Parameter) {
	if !s.NoWeight {
		params = append(params, Parameter{Name: "weight", Shape: s.Shape, Start: 1})
	}
	if !s.NoBias {
		params = append(params, Parameter{Name: "bias", Shape: s.Shape})
	}
	return params
}

// MultiplyAdds returns one for each value.
func (Scale) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a ScaleShift op.
func (s Scale) Lower(l *Lowering) (*G.Node, error) {
	return ops.ScaleShift(l.X(), l.Param("weight"), l.Param("bias"))
}
