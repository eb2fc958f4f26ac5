package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// PReLU is x where x > 0, else a·x with a learned slope a for each channel, or one slope for all if
// Shared (He et al. 2015, "Delving Deep into Rectifiers"). Its parameter is "weight".
type PReLU struct {
	Name   string  `json:"name,omitempty"`
	Shared bool    `json:"shared,omitempty"`
	Start  float64 `json:"start,omitempty"` // initial slope; 0 is 0.25
}

// Label returns the layer's own name.
func (p PReLU) Label() string { return p.Name }

// Output returns the input's shape.
func (PReLU) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], nil }

// Parameters returns the slopes.
func (p PReLU) Parameters(in ...tensor.Shape) []Parameter {
	slopes := in[0][0]
	if p.Shared {
		slopes = 1
	}
	return []Parameter{{Name: "weight", Shape: tensor.Shape{slopes}, Start: orDefault(p.Start, 0.25)}}
}

// MultiplyAdds returns one for each value.
func (PReLU) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a PReLU op.
func (PReLU) Lower(l *Lowering) (*G.Node, error) { return ops.PReLU(l.X(), l.Param("weight")) }
