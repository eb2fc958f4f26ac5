package inspect

import (
	"math"

	"convgraph/graph"
)

// normalization is local response normalization: x / (K + Alpha·Sum)^Beta, where Sum is over the
// squares at the same position of neighboring maps.
type normalization struct {
	In        number     `json:"in"`
	Neighbors []neighbor `json:"neighbors"` // by map, including the value's own
	More      rest       `json:"more"`      // the neighbors left out, and the sum of their squares
	Sum       number     `json:"sum"`       // of all squares
	K         number     `json:"k"`
	Alpha     number     `json:"alpha"`
	Beta      number     `json:"beta"`
	Base      number     `json:"base"`    // K + Alpha·Sum
	Divisor   number     `json:"divisor"` // Base to the power of Beta
	Total     number     `json:"total"`   // In / Divisor in float64
}

// A neighbor is one map's value at the cell's position.
type neighbor struct {
	From   cell   `json:"from"` // of the layer's input
	Input  number `json:"input"`
	Square number `json:"square"`
}

const mostNeighbors = 16

func explainLRN(k working, e *explanation) error {
	l := k.layer.layer.(graph.LRN)
	all := neighbors(k, l.Size, e.Cell)
	shown := nearest(all, e.Cell.Map)
	var sum, squares float64
	for _, n := range all {
		sum += square(n.Input)
	}
	for _, n := range shown {
		squares += square(n.Input)
	}
	in := k.x[k.in.at(e.Cell)]
	base := l.K + l.Alpha*sum
	divisor := math.Pow(base, l.Beta)
	e.Normalization = &normalization{
		In: number(in), Neighbors: shown, More: rest{len(all) - len(shown), number(sum - squares)}, Sum: number(sum),
		K: number(l.K), Alpha: number(l.Alpha), Beta: number(l.Beta),
		Base: number(base), Divisor: number(divisor), Total: number(float64(in) / divisor),
	}
	return nil
}

func square(v number) float64 { return float64(v) * float64(v) }

// neighbors returns the values of the size maps around a cell's own, fewer at the first and the
// last map.
func neighbors(k working, size int, c cell) (all []neighbor) {
	for m := max(0, c.Map-size/2); m <= min(k.in.Maps-1, c.Map+(size-1)/2); m++ {
		from := cell{m, c.Row, c.Column}
		v := k.x[k.in.at(from)]
		all = append(all, neighbor{from, number(v), number(v * v)})
	}
	return all
}

// nearest returns the neighbors to show: those around the value's own map.
func nearest(all []neighbor, own int) []neighbor {
	middle := own - all[0].From.Map
	from := min(max(0, middle-mostNeighbors/2), max(0, len(all)-mostNeighbors))
	return all[from:min(from+mostNeighbors, len(all))]
}
