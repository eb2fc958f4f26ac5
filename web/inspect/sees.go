package inspect

import "convgraph/graph"

// This file follows a cell back to the picture, over every branch.

// An area is a rectangle of a map, its last row and column included.
type area struct {
	Top    int `json:"top"`
	Left   int `json:"left"`
	Bottom int `json:"bottom"`
	Right  int `json:"right"`
}

// all is the area of every cell of a map.
func (e extent) all() area { return area{0, 0, e.Height - 1, e.Width - 1} }

// within is the part of an area that lies on a map.
func (a area) within(e extent) area {
	return area{max(a.Top, 0), max(a.Left, 0), min(a.Bottom, e.Height-1), min(a.Right, e.Width-1)}
}

// with is the smallest area that holds both.
func (a area) with(b area) area {
	return area{min(a.Top, b.Top), min(a.Left, b.Left), max(a.Bottom, b.Bottom), max(a.Right, b.Right)}
}

// A field is a part of a value: an area of some of its maps.
type field struct {
	area area
	maps []bool
}

// fieldOf is a field without maps.
func fieldOf(e extent, a area) field { return field{a, make([]bool, e.Maps)} }

// everything is the whole value.
func everything(e extent) field {
	f := fieldOf(e, e.all())
	f.add(0, e.Maps)
	return f
}

// add adds the maps from first up to end, as far as there are such maps.
func (f field) add(first, end int) {
	for m := max(first, 0); m < min(end, len(f.maps)); m++ {
		f.maps[m] = true
	}
}

// each calls use for every map of the field.
func (f field) each(use func(m int)) {
	for m, in := range f.maps {
		if in {
			use(m)
		}
	}
}

func (f field) isEmpty() bool {
	empty := true
	f.each(func(int) { empty = false })
	return empty
}

// with is a field that holds both.
func (f field) with(g field) field {
	f.each(func(m int) { g.maps[m] = true })
	return field{f.area.with(g.area), g.maps}
}

// sees is the part of the picture that a cell of layer i depends on, or nil if it depends on nothing:
// back from layer to layer, over every branch.
func (n *network) sees(i int, c cell) *area {
	l := n.Layers[i]
	start := fieldOf(l.Output, area{c.Row, c.Column, c.Row, c.Column})
	start.add(c.Map, c.Map+1)
	fields := map[*graph.Node]field{l.node: start}
	for ; i >= 0; i-- {
		l := n.Layers[i]
		f, read := fields[l.node]
		if !read {
			continue
		}
		for j, in := range l.node.Inputs {
			g := l.reach(f, j)
			if g.isEmpty() {
				continue
			}
			g.area = g.area.within(extentOf(in.Shape))
			if other, twice := fields[in]; twice {
				g = g.with(other)
			}
			fields[in] = g
		}
	}
	for node, f := range fields {
		if node.IsInput() {
			return &f.area
		}
	}
	return nil
}

// reach is the part of the layer's input j that a part of its output depends on.
func (l layer) reach(f field, j int) field {
	in := extentOf(l.node.Inputs[j].Shape)
	g := fieldOf(in, f.area)
	if s, ok := slidingOf(l.layer, in); ok {
		g.area = s.reach(f.area)
	}
	switch kind := l.layer.(type) {
	case graph.Conv2D:
		f.each(func(filter int) {
			maps, _ := filterMaps(kind, filter, in.Maps)
			for _, m := range maps {
				g.maps[m] = true
			}
		})
	case graph.LRN:
		f.each(func(m int) { g.add(m-kind.Size/2, m+(kind.Size-1)/2+1) })
	case graph.GroupNorm:
		g.area = in.all()
		each := in.Maps / kind.Groups
		f.each(func(m int) { g.add(m/each*each, m/each*each+each) })
	case graph.LayerNorm:
		g.add(0, in.Maps)
	case graph.Multiply:
		if in.plane() == 1 {
			g.area = in.all()
		}
		f.each(func(m int) { g.maps[m] = true })
	case graph.Softmax:
		return along(kind.Axis, f, in)
	case graph.LogSoftmax:
		return along(kind.Axis, f, in)
	case graph.Affine:
		return everything(in)
	case graph.Slice, graph.ChannelShuffle, graph.PadChannels, graph.Concat:
		return l.moved(f, j, in)
	case graph.Flatten, graph.Take, graph.Pad, graph.Rearrange:
		return l.movedCells(f, in)
	case graph.Resize:
		var reads bool
		if g.area, reads = resized(kind, f.area, in); reads {
			f.each(func(m int) { g.maps[m] = true })
		}
	default:
		if graph.Kind(l.layer) == "" { // a layer from elsewhere may read anything
			return everything(in)
		}
		f.each(func(m int) { g.maps[m] = true })
	}
	return g
}

// along is the reach of a layer whose values depend on all others along an axis.
func along(axis int, f field, in extent) field {
	g := fieldOf(in, f.area)
	f.each(func(m int) { g.maps[m] = true })
	switch axis {
	case 0:
		g.add(0, in.Maps)
	case 1:
		g.area.Top, g.area.Bottom = 0, in.Height-1
	case 2:
		g.area.Left, g.area.Right = 0, in.Width-1
	}
	return g
}

// moved is the reach of a layer that moves whole maps.
func (l layer) moved(f field, j int, in extent) field {
	g := fieldOf(in, f.area)
	f.each(func(m int) {
		if input, from, ok := l.origin(cell{Map: m}); ok && input == j {
			g.maps[from.Map] = true
		}
	})
	return g
}

// movedCells is the reach of a layer that moves the values of one input to other rows and columns.
func (l layer) movedCells(f field, in extent) field {
	g := fieldOf(in, f.area)
	first := true
	f.each(func(m int) {
		for row := f.area.Top; row <= f.area.Bottom; row++ {
			for column := f.area.Left; column <= f.area.Right; column++ {
				_, from, ok := l.origin(cell{m, row, column})
				if !ok {
					continue
				}
				place := area{from.Row, from.Column, from.Row, from.Column}
				if !first {
					place = g.area.with(place)
				}
				g.area, first = place, false
				g.maps[from.Map] = true
			}
		}
	})
	return g
}
