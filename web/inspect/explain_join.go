package inspect

import (
	"math"

	"convgraph/graph"
)

// A join is a value computed from values of several layers.
type join struct {
	How   string `json:"how"`   // sum, difference, product, quotient, maximum or minimum
	Terms []term `json:"terms"` // of the first mostTerms layers
	More  rest   `json:"more"`  // the terms that Terms leaves out
	Total number `json:"total"` // the value in float64
}

// A term is one layer's value.
type term struct {
	Layer string `json:"layer"`
	From  cell   `json:"from"`
	Value number `json:"value"`
}

const mostTerms = 16

func explainJoin(k working, e *explanation) error {
	part := &join{Terms: []term{}}
	sum, product, shown := 0., 1., 0.
	for i, s := range k.sources {
		from := gateCell(e.Cell, s.extent)
		v := s.x[s.extent.at(from)]
		sum, product = sum+float64(v), product*float64(v)
		if i < mostTerms {
			shown += float64(v)
			part.Terms = append(part.Terms, term{s.name, from, number(v)})
		}
	}
	first, second := float64(part.Terms[0].Value), float64(part.Terms[len(part.Terms)-1].Value)
	switch k.layer.layer.(type) {
	case graph.Add:
		part.How, part.Total = "sum", number(sum)
	case graph.Subtract:
		part.How, part.Total = "difference", number(first-second)
	case graph.Multiply:
		part.How, part.Total = "product", number(product)
	case graph.Divide:
		part.How, part.Total = "quotient", number(first/second)
	case graph.Maximum:
		part.How, part.Total = "maximum", number(math.Max(first, second))
	case graph.Minimum:
		part.How, part.Total = "minimum", number(math.Min(first, second))
	}
	if more := len(k.sources) - len(part.Terms); more > 0 {
		part.More = rest{more, number(sum - shown)}
	}
	e.Join = part
	return nil
}

// gateCell returns the cell that is read at c: c itself, or the single cell of the map if the value
// is a gate.
func gateCell(c cell, e extent) cell {
	if e.plane() == 1 {
		return cell{Map: c.Map}
	}
	return c
}
