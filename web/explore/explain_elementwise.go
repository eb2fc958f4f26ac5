package explore

import (
	"cmp"
	"fmt"

	"convgraph/graph"
)

// elementwise is a value that was computed from one other.
type elementwise struct {
	From    cell   `json:"from"` // of the layer's input
	In      number `json:"in"`
	Formula string `json:"formula"` // of x
}

func explainElementwise(k working, e *explanation) error {
	i := k.Output.at(e.Cell)
	e.Elementwise = &elementwise{From: k.in.cell(i), In: number(k.x[i]), Formula: formula(k.layer.layer, e.Cell.Map)}
	return nil
}

// formula is what a layer does to each value x of a map.
func formula(l graph.Layer, m int) string {
	switch l := l.(type) {
	case graph.ReLU:
		return "max(0, x)"
	case graph.Sigmoid:
		return "1 / (1 + e^−x)"
	case graph.Tanh:
		if a, b := cmp.Or(l.A, 1), cmp.Or(l.B, 1); a != 1 || b != 1 {
			return fmt.Sprintf("%.5g · tanh(%.4g · x)", a, b)
		}
		return "tanh(x)"
	case graph.Dropout:
		if l.Classic {
			return fmt.Sprintf("%.4g · x, for all that training dropped", 1-l.Rate)
		}
		return "x: dropout is for training only"
	case graph.Normalize:
		return fmt.Sprintf("(x − %.4g) / %.4g", l.Mean[m], l.Deviation[m])
	}
	return "x" // flatten
}
