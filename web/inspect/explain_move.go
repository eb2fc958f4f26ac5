package inspect

import "convgraph/graph"

// explainMove is for layers that only move values.
func explainMove(k working, e *explanation) error {
	from, c, ok := k.layer.origin(e.Cell)
	if !ok {
		e.Note = "a map of zeros that the layer adds: nothing was read"
		if _, pad := k.layer.layer.(graph.Pad); pad {
			e.Note = "a cell of the padding that the layer adds: nothing was read"
		}
		return nil
	}
	s := k.sources[from]
	x := s.x[s.extent.at(c)]
	e.Elementwise = &elementwise{Layer: s.name, From: c, In: number(x), Formula: "x", Total: number(x)}
	return nil
}

// origin returns where a value of a layer that only moves values comes from: which input, and which
// cell of it. ok is false for padding.
func (l layer) origin(c cell) (input int, from cell, ok bool) {
	switch kind := l.layer.(type) {
	case graph.Slice:
		c.Map += kind.Begin
	case graph.ChannelShuffle: // map g·each + i became map i·groups + g
		each := l.in.Maps / kind.Groups
		c.Map = c.Map%kind.Groups*each + c.Map/kind.Groups
	case graph.PadChannels:
		c.Map -= kind.Begin
		return 0, c, c.Map >= 0 && c.Map < l.in.Maps
	case graph.Concat:
		for i, in := range l.node.Inputs {
			maps := extentOf(in.Shape).Maps
			if c.Map < maps {
				return i, c, true
			}
			c.Map -= maps
		}
	case graph.Flatten:
		return 0, l.in.cell(c.Map), true
	case graph.Take:
		along := [3]*int{&c.Map, &c.Row, &c.Column}[kind.Axis]
		*along = kind.Indices[*along]
	case graph.Pad:
		c.Row, c.Column = c.Row-kind.Begin[0], c.Column-kind.Begin[1]
		return 0, c, c.Row >= 0 && c.Row < l.in.Height && c.Column >= 0 && c.Column < l.in.Width
	case graph.Rearrange:
		return 0, l.in.cell(rearranged(kind, l.node.Inputs[0].Shape, l.Output.at(c))), true
	}
	return 0, c, true
}

// rearranged returns the index in the input of the value that a Rearrange puts at index i.
func rearranged(r graph.Rearrange, in []int, i int) int {
	dims := r.Dims
	if dims == nil {
		dims = in
	}
	from := 0
	for k := len(dims) - 1; k >= 0; k-- { // the last axis of the result first
		axis := k
		if r.Order != nil {
			axis = r.Order[k]
		}
		stride := 1
		for _, n := range dims[axis+1:] {
			stride *= n
		}
		from += i % dims[axis] * stride
		i /= dims[axis]
	}
	return from
}
