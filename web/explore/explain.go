package explore

import (
	"fmt"
	"net/http"

	"convgraph/graph"
	"convgraph/web"
)

// A cell is one value of a layer: a row and a column of one of its maps, counted from 0.
type cell struct {
	Map    int `json:"map"`
	Row    int `json:"row"`
	Column int `json:"column"`
}

// An explanation says how one cell of a layer was computed. One of the parts is there, or a note that says why none is.
type explanation struct {
	Layer string `json:"layer"`
	Kind  string `json:"kind"`
	Cell  cell   `json:"cell"`
	Value number `json:"value"` // what the model's own kernel gave
	Reads string `json:"reads"` // the layer whose values it was computed from, or "input"
	Sees  area   `json:"sees"`  // the part of the picture that it depends on
	Note  string `json:"note,omitempty"`

	Convolution   *convolution   `json:"convolution,omitempty"`
	Pooling       *pooling       `json:"pooling,omitempty"`
	Elementwise   *elementwise   `json:"elementwise,omitempty"`
	Normalization *normalization `json:"normalization,omitempty"`
	Affine        *affine        `json:"affine,omitempty"`
	Softmax       *softmax       `json:"softmax,omitempty"`
}

// A working is what an explainer has to go by.
type working struct {
	layer
	model   *graph.Model
	x, y    []float32 // what the layer read and what it gave
	classes []string
}

// param is a parameter of the layer.
func (k working) param(name string) ([]float32, error) {
	p, err := k.model.Param(k.Name + "." + name)
	if err != nil {
		return nil, err
	}
	return p.Float32s(), nil
}

// An explainer fills in the part of the explanation that is for its kind of layer.
type explainer func(k working, e *explanation) error

// explainerOf is nil for a kind of layer that graph has got and this package hasn't heard of yet.
func explainerOf(l graph.Layer) explainer {
	switch l.(type) {
	case graph.Conv2D:
		return explainConvolution
	case graph.MaxPool, graph.AvgPool, graph.Subsample:
		return explainPooling
	case graph.ReLU, graph.Sigmoid, graph.Tanh, graph.Dropout, graph.Flatten, graph.Normalize:
		return explainElementwise
	case graph.LRN:
		return explainLRN
	case graph.Affine:
		return explainAffine
	case graph.Softmax:
		return explainSoftmax
	}
	return nil
}

// serveExplain computes the network for the values in the body again and answers with how one cell of it came about.
func (p *Page) serveExplain(w http.ResponseWriter, r *http.Request) error {
	s, err := p.snapshot(r)
	if err != nil {
		return err
	}
	i, err := p.layerIndex(r)
	if err != nil {
		return err
	}
	c, err := cellOf(r, p.network.Layers[i].Output)
	if err != nil {
		return err
	}
	m, err := p.receive(w, r, "values")
	if err != nil {
		return err
	}
	var e *explanation
	err = p.compute(r, func() error {
		x, err := p.input(m)
		if err != nil {
			return err
		}
		e, err = p.explain(s.Model, x, i, c)
		return err
	})
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, e)
	return nil
}

func (p *Page) layerIndex(r *http.Request) (int, error) {
	name := r.URL.Query().Get("layer")
	for i, l := range p.network.Layers {
		if l.Name == name {
			return i, nil
		}
	}
	return 0, badRequest("no layer is called %.40q: see /api/network", name)
}

func cellOf(r *http.Request, e extent) (c cell, err error) {
	for _, part := range []struct {
		name  string
		into  *int
		count int
	}{{"map", &c.Map, e.Maps}, {"row", &c.Row, e.Height}, {"column", &c.Column, e.Width}} {
		if *part.into, err = whole(r, part.name, 0, part.count-1); err != nil {
			return cell{}, err
		}
	}
	return c, nil
}

func (p *Page) explain(m *graph.Model, x []float32, i int, c cell) (*explanation, error) {
	a, err := activations(m, x)
	if err != nil {
		return nil, err
	}
	k := working{layer: p.network.Layers[i], model: m, x: x, y: a[i], classes: p.network.Classes}
	if i > 0 {
		k.x = a[i-1]
	}
	e := &explanation{Layer: k.Name, Kind: k.Kind, Cell: c, Value: number(k.y[k.Output.at(c)]), Reads: k.reads, Sees: p.network.sees(i, c)}
	explain := explainerOf(k.layer.layer)
	if explain == nil {
		e.Note = fmt.Sprintf("no explanation for this layer (%s)", k.Text)
		return e, nil
	}
	return e, explain(k, e)
}
