package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// LRN is local response normalization across channels (Krizhevsky et al. 2012). The sum runs over
// Size neighboring channels, and Alpha isn't divided by Size:
//
//	y = x / (K + Alpha·Σ x²)^Beta
type LRN struct {
	Name  string  `json:"name,omitempty"`
	Size  int     `json:"size"`
	K     float64 `json:"k"`
	Alpha float64 `json:"alpha"`
	Beta  float64 `json:"beta"`
	plain
}

// Label returns the layer's own name.
func (n LRN) Label() string { return n.Name }

// Output returns the input's shape.
func (n LRN) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if n.Size < 1 || n.Size > maxSide || !(n.K > 0) || !(n.Alpha >= 0) {
		return nil, fmt.Errorf(
			"constants: got size %d, k %g, alpha %g, want a size from 1 to %d, k above 0, alpha of at least 0",
			n.Size, n.K, n.Alpha, maxSide)
	}
	return in[0], nil
}

// MultiplyAdds returns one for each term of each value's sum of squares.
func (n LRN) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) * int64(n.Size) }

// Lower adds an LRN op.
func (n LRN) Lower(l *Lowering) (*G.Node, error) {
	return ops.LRN(l.X(), ops.Norm{Size: n.Size, K: n.K, Alpha: n.Alpha, Beta: n.Beta})
}
