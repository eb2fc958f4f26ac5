package explore

import "convgraph/graph"

// A join is a sum or a product of values of several layers.
type join struct {
	How   string `json:"how"`   // sum or product
	Terms []term `json:"terms"` // of the first layers
	More  rest   `json:"more"`  // the terms that aren't in Terms
	Total number `json:"total"` // the value, computed again
}

// A term is one layer's share.
type term struct {
	Layer string `json:"layer"`
	From  cell   `json:"from"`
	Value number `json:"value"`
}

const mostTerms = 16

func explainJoin(k working, e *explanation) error {
	part := &join{How: "sum", Terms: []term{}}
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
	part.Total = number(sum)
	if _, ok := k.layer.layer.(graph.Multiply); ok {
		part.How, part.Total = "product", number(product)
	}
	if more := len(k.sources) - len(part.Terms); more > 0 {
		part.More = rest{more, number(sum - shown)}
	}
	e.Join = part
	return nil
}

// gateCell is the cell of a value that is joined at a cell: the same, or the gate's of the map.
func gateCell(c cell, e extent) cell {
	if e.plane() == 1 {
		return cell{Map: c.Map}
	}
	return c
}
