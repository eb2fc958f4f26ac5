package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// GroupNorm normalizes each sample by the mean and variance of each group of channels over the
// plane, then scales and shifts each channel (Wu and He 2018). With as many groups as channels it
// is instance normalization. Its parameters are "weight" and "bias".
type GroupNorm struct {
	Name   string  `json:"name,omitempty"`
	Groups int     `json:"groups"`
	Eps    float64 `json:"eps,omitempty"` // 0 is 1e-5
}

// Label returns the layer's own name.
func (g GroupNorm) Label() string { return g.Name }

// Output returns the input's shape.
func (g GroupNorm) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if err := checkGroups(in[0][0], g.Groups); err != nil {
		return nil, err
	}
	return in[0], checkEps(g.Eps)
}

// Parameters returns the scale and the shift of each channel.
func (GroupNorm) Parameters(in ...tensor.Shape) []Parameter { return scaleAndShift(in[0][0]) }

// MultiplyAdds returns one for each value.
func (GroupNorm) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a GroupNorm op.
func (g GroupNorm) Lower(l *Lowering) (*G.Node, error) {
	return ops.GroupNorm(l.X(), l.Param("weight"), l.Param("bias"), g.Groups, orDefault(g.Eps, 1e-5))
}

// LayerNorm normalizes each sample by the mean and variance over the channels at each position of
// the plane, or over the features, then scales and shifts each channel (Ba, Kiros and Hinton 2016;
// for images as in Liu et al. 2022, "A ConvNet for the 2020s"). Its parameters are "weight" and
// "bias".
type LayerNorm struct {
	Name string  `json:"name,omitempty"`
	Eps  float64 `json:"eps,omitempty"` // 0 is 1e-5
}

// Label returns the layer's own name.
func (n LayerNorm) Label() string { return n.Name }

// Output returns the input's shape.
func (n LayerNorm) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], checkEps(n.Eps) }

// Parameters returns the scale and the shift of each channel.
func (LayerNorm) Parameters(in ...tensor.Shape) []Parameter { return scaleAndShift(in[0][0]) }

// MultiplyAdds returns one for each value.
func (LayerNorm) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a LayerNorm op.
func (n LayerNorm) Lower(l *Lowering) (*G.Node, error) {
	return ops.LayerNorm(l.X(), l.Param("weight"), l.Param("bias"), orDefault(n.Eps, 1e-5))
}

func scaleAndShift(channels int) []Parameter {
	return []Parameter{
		{Name: "weight", Shape: tensor.Shape{channels}, Start: 1},
		{Name: "bias", Shape: tensor.Shape{channels}},
	}
}
