package inspect

import "convgraph/graph"

// This file finds a cell's receptive field in the picture, through every branch.

// An area is a rectangle of a map, including its last row and column.
type area struct {
	Top    int `json:"top"`
	Left   int `json:"left"`
	Bottom int `json:"bottom"`
	Right  int `json:"right"`
}

// all returns the area of a whole map.
func (e extent) all() area { return area{0, 0, e.Height - 1, e.Width - 1} }

// within returns the part of an area that lies on a map.
func (a area) within(e extent) area {
	return area{max(a.Top, 0), max(a.Left, 0), min(a.Bottom, e.Height-1), min(a.Right, e.Width-1)}
}

// with returns the smallest area that contains both.
func (a area) with(b area) area {
	return area{min(a.Top, b.Top), min(a.Left, b.Left), max(a.Bottom, b.Bottom), max(a.Right, b.Right)}
}

// A region is a part of a value: an area of some of its maps.
type region struct {
	area area
	maps []bool
}

// regionOf returns a region without maps.
func regionOf(e extent, a area) region { return region{a, make([]bool, e.Maps)} }

// everything returns the region of a whole value.
func everything(e extent) region {
	f := regionOf(e, e.all())
	f.add(0, e.Maps)
	return f
}

// add adds the existing maps from first up to end.
func (f region) add(first, end int) {
	for m := max(first, 0); m < min(end, len(f.maps)); m++ {
		f.maps[m] = true
	}
}

// each calls use for every map of the region.
func (f region) each(use func(m int)) {
	for m, in := range f.maps {
		if in {
			use(m)
		}
	}
}

func (f region) isEmpty() bool {
	empty := true
	f.each(func(int) { empty = false })
	return empty
}

// with returns a region that contains both.
func (f region) with(g region) region {
	f.each(func(m int) { g.maps[m] = true })
	return region{f.area.with(g.area), g.maps}
}

// sees returns the part of the picture on which a cell of layer i depends, or nil if it depends on
// nothing. It goes back from layer to layer, through every branch.
func (n *network) sees(i int, c cell) *area {
	l := n.Layers[i]
	start := regionOf(l.Output, area{c.Row, c.Column, c.Row, c.Column})
	start.add(c.Map, c.Map+1)
	regions := map[*graph.Node]region{l.node: start}
	for ; i >= 0; i-- {
		l := n.Layers[i]
		f, read := regions[l.node]
		if !read {
			continue
		}
		for j, in := range l.node.Inputs {
			g := l.reach(f, j)
			if g.isEmpty() {
				continue
			}
			g.area = g.area.within(extentOf(in.Shape))
			if other, twice := regions[in]; twice {
				g = g.with(other)
			}
			regions[in] = g
		}
	}
	for node, f := range regions {
		if node.IsInput() {
			return &f.area
		}
	}
	return nil
}

// reach returns the part of the layer's input j on which a part of its output depends.
func (l layer) reach(f region, j int) region {
	in := extentOf(l.node.Inputs[j].Shape)
	g := regionOf(in, f.area)
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
		if graph.Kind(l.layer) == "" { // a layer from another package may read anything
			return everything(in)
		}
		f.each(func(m int) { g.maps[m] = true })
	}
	return g
}

// along is reach for a layer whose values depend on all others along an axis.
func along(axis int, f region, in extent) region {
	g := regionOf(in, f.area)
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

// moved is reach for a layer that moves whole maps.
func (l layer) moved(f region, j int, in extent) region {
	g := regionOf(in, f.area)
	f.each(func(m int) {
		if input, from, ok := l.origin(cell{Map: m}); ok && input == j {
			g.maps[from.Map] = true
		}
	})
	return g
}

// movedCells is reach for a layer that moves the values of one input to other rows and columns.
func (l layer) movedCells(f region, in extent) region {
	g := regionOf(in, f.area)
	first := true
	f.each(func(m int) {
		for row := f.area.Top; row <= f.area.Bottom; row++ {
			for column := f.area.Left; column <= f.area.Right; column++ {
				_, from, ok := l.origin(cell{m, row, column})
				if !ok {
					continue
				}
				single := area{from.Row, from.Column, from.Row, from.Column}
				if !first {
					single = g.area.with(single)
				}
				g.area, first = single, false
				g.maps[from.Map] = true
			}
		}
	})
	return g
}
