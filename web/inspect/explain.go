package inspect

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

// An explanation says how one cell of a layer was computed. It has one of the parts below, or a
// note why there is none.
type explanation struct {
	Layer  string   `json:"layer"`
	Kind   string   `json:"kind"`
	Cell   cell     `json:"cell"`
	Value  number   `json:"value"`  // the model's own output
	Reads  string   `json:"reads"`  // the first of Inputs
	Inputs []string `json:"inputs"` // names of the layers that were read, or "input"
	Sees   *area    `json:"sees"`   // the receptive field in the picture; null if it depends on nothing
	Note   string   `json:"note,omitempty"`

	Convolution     *convolution     `json:"convolution,omitempty"`
	Pooling         *pooling         `json:"pooling,omitempty"`
	Elementwise     *elementwise     `json:"elementwise,omitempty"`
	Join            *join            `json:"join,omitempty"`
	Standardization *standardization `json:"standardization,omitempty"`
	Normalization   *normalization   `json:"normalization,omitempty"`
	Affine          *affine          `json:"affine,omitempty"`
	Softmax         *softmax         `json:"softmax,omitempty"`
}

// A working holds what an explainer needs: the layer with its inputs, outputs and parameters.
type working struct {
	layer
	sources []source  // the layer's inputs
	x, y    []float32 // the first input, and the output
	model   *graph.Model
	classes []string
}

// A source is an input of a layer.
type source struct {
	name   string
	extent extent
	x      []float32
}

// param returns a parameter of the layer.
func (k working) param(name string) ([]float32, error) {
	p, err := k.model.Param(k.Name + "." + name)
	if err != nil {
		return nil, err
	}
	return p.Float32s(), nil
}

// optional returns one value of a parameter that the layer may lack.
func (k working) optional(name string, at int) (value float32, has bool) {
	values, err := k.param(name)
	if err != nil {
		return 0, false
	}
	return values[at], true
}

// An explainer fills in the explanation's part for its kind of layer.
type explainer func(k working, e *explanation) error

// explainerOf returns nil for a layer that isn't from package graph.
func explainerOf(l graph.Layer) explainer {
	switch l.(type) {
	case graph.Conv2D:
		return explainConvolution
	case graph.Resize:
		return explainResize
	case graph.MaxPool, graph.AvgPool, graph.LpPool, graph.Subsample, graph.GlobalMaxPool, graph.GlobalAvgPool:
		return explainPooling
	case graph.ActivationFunction:
		return explainActivation
	case graph.PReLU:
		return explainPReLU
	case graph.Scale:
		return explainScale
	case graph.Dropout, graph.Dropout2D, graph.StochasticDepth, graph.Normalize:
		return explainElementwise
	case graph.Flatten, graph.Slice, graph.ChannelShuffle, graph.PadChannels, graph.Concat, graph.Take,
		graph.Rearrange, graph.Pad:
		return explainMove
	case graph.Add, graph.Subtract, graph.Multiply, graph.Divide, graph.Maximum, graph.Minimum:
		return explainJoin
	case graph.BatchNorm, graph.GroupNorm, graph.LayerNorm:
		return explainStandardization
	case graph.LRN:
		return explainLRN
	case graph.Affine:
		return explainAffine
	case graph.Softmax, graph.LogSoftmax:
		return explainSoftmax
	}
	return nil
}

// serveExplain runs the network on the values in the body and answers how one cell was computed.
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
	x, err := p.input(r.Context(), m)
	if err != nil {
		return err
	}
	var e *explanation
	err = p.compute(r, func() error {
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
	k := p.working(m, x, a, i)
	e := &explanation{
		Layer: k.Name, Kind: k.Kind, Cell: c, Value: number(k.y[k.Output.at(c)]),
		Reads: k.Reads[0], Inputs: k.Reads, Sees: p.network.sees(i, c),
	}
	explain := explainerOf(k.layer.layer)
	if explain == nil {
		e.Note = fmt.Sprintf("no explanation for this layer (%s)", k.Text)
		return e, nil
	}
	return e, explain(k, e)
}

// working collects the inputs and the output of layer i.
func (p *Page) working(m *graph.Model, x []float32, activations [][]float32, i int) working {
	k := working{layer: p.network.Layers[i], model: m, y: activations[i], classes: p.network.Classes}
	for _, in := range k.node.Inputs {
		s := source{name: in.Name, extent: extentOf(in.Shape), x: x}
		if j, layer := p.network.index[in]; layer {
			s.x = activations[j]
		}
		k.sources = append(k.sources, s)
	}
	k.x = k.sources[0].x
	return k
}
