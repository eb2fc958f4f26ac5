package inspect

import (
	"net/http"

	"convgraph/graph"
	"convgraph/web"
)

// filters are the shown filters of the network's first convolution, weights as (filters, maps,
// height, width).
type filters struct {
	Layer   string   `json:"layer"`
	Count   int      `json:"count"`
	Maps    int      `json:"maps"`
	Height  int      `json:"height"`
	Width   int      `json:"width"`
	Weights []number `json:"weights"`
}

// serveFilters answers with the first convolution's filters, or with none if another layer than
// Normalize comes before it.
func (p *Page) serveFilters(w http.ResponseWriter, r *http.Request) error {
	s, err := p.snapshot(r)
	if err != nil {
		return err
	}
	for _, l := range p.network.Layers {
		switch kind := l.layer.(type) {
		case graph.Normalize:
		case graph.Conv2D:
			f, err := firstFilters(s.Model, l, kind)
			if err != nil {
				return err
			}
			web.WriteJSON(w, http.StatusOK, f)
			return nil
		default:
			web.WriteJSON(w, http.StatusOK, filters{Weights: []number{}})
			return nil
		}
	}
	web.WriteJSON(w, http.StatusOK, filters{Weights: []number{}})
	return nil
}

func firstFilters(m *graph.Model, l layer, c graph.Conv2D) (*filters, error) {
	f := &filters{Layer: l.Name, Height: c.Kernel[0], Width: c.Kernel[1], Weights: []number{}}
	weight, err := m.Param(l.Name + ".weight")
	if err != nil {
		return nil, err
	}
	if c.Connections != nil { // filters of different depths fit no grid
		return f, nil
	}
	f.Count, f.Maps = l.Shown, weight.Shape()[1]
	f.Weights = numbers(weight.Float32s()[:f.Count*f.Maps*f.Height*f.Width])
	return f, nil
}
