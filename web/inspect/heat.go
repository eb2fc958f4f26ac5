package inspect

import (
	"net/http"
	"slices"
	"strconv"

	"convgraph/graph"
	"convgraph/insight"
)

// methods lists the methods of heat maps that suit a network.
func methods(m *graph.Model) (names []string) {
	if m.LogitsNode().Shape.Dims() != 1 {
		return nil
	}
	_, err := insight.LastMaps(m)
	for _, method := range insight.Methods {
		if method != insight.GradCAM || err == nil {
			names = append(names, string(method))
		}
	}
	return names
}

// onPage returns settings that answer within seconds.
func onPage(input []int) insight.Options {
	window := max(1, min(input[1], input[2])/5)
	return insight.Options{Steps: 20, Samples: 12, Window: window, Stride: max(1, window/2)}
}

// serveHeat answers with a number for each pixel: how much a class's score depends on it.
func (p *Page) serveHeat(w http.ResponseWriter, r *http.Request) error {
	s, err := p.snapshot(r)
	if err != nil {
		return err
	}
	class, err := whole(r, "class", 0, s.Model.Classes()-1)
	if err != nil {
		return err
	}
	method := r.URL.Query().Get("method")
	if !slices.Contains(p.network.Methods, method) {
		return badRequest("method: got %.40q, want one of %v", method, p.network.Methods)
	}
	m, err := p.receive(w, r, "values")
	if err != nil {
		return err
	}
	x, err := p.input(r.Context(), m)
	if err != nil {
		return err
	}
	select {
	case p.heats <- struct{}{}:
		defer func() { <-p.heats }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	heat, err := insight.Method(method).Heat(s.Model, x, class, onPage(s.Model.Spec().Input))
	if err != nil {
		return err
	}
	out := appendFloats(nil, heat.Values)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // a client that has gone needs no answer
	return nil
}
