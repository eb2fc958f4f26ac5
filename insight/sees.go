package insight

import (
	"cmp"
	"image"

	"convgraph/graph"
)

// Sees is the part of the picture that the cell at a row and a column of a layer's maps is computed
// from, back over every branch: the cell's receptive field. It is without bounds where the field
// reaches into the padding, and the whole picture if a layer between reads everything or is unknown.
func Sees(m *graph.Model, n *graph.Node, row, column int) image.Rectangle {
	input := m.Spec().Input
	all := image.Rect(0, 0, input[len(input)-1], input[len(input)-2])
	fields := map[*graph.Node]image.Rectangle{n: image.Rect(column, row, column+1, row+1)}
	nodes := m.Nodes()
	for i := len(nodes) - 1; i >= 0; i-- {
		field, read := fields[nodes[i]]
		if !read {
			continue
		}
		reached, ok := reach(nodes[i], field)
		if !ok {
			return all
		}
		for _, in := range nodes[i].Inputs {
			fields[in] = fields[in].Union(reached)
		}
	}
	for node, field := range fields {
		if node.IsInput() {
			return field
		}
	}
	return all
}

// reach is the part of a layer's input that a part of its output depends on; ok is false if that is all
// of it, or not known.
func reach(n *graph.Node, field image.Rectangle) (reached image.Rectangle, ok bool) {
	one := graph.Square(1)
	slide := func(kernel, stride, pad, begin, dilation graph.Pair) (image.Rectangle, bool) {
		var low, high [2]int // rows, columns
		for i := range 2 {
			first, last := [2]int{field.Min.Y, field.Min.X}[i], [2]int{field.Max.Y, field.Max.X}[i]-1
			step, before := stride[i], pad[i]+begin[i]
			low[i], high[i] = first*step-before, last*step-before+(kernel[i]-1)*cmp.Or(dilation[i], 1)+1
		}
		return image.Rect(low[1], low[0], high[1], high[0]), true
	}
	or := func(p, otherwise graph.Pair) graph.Pair {
		return graph.Pair{cmp.Or(p[0], otherwise[0]), cmp.Or(p[1], otherwise[1])}
	}
	switch l := n.Layer.(type) {
	case graph.Conv2D:
		return slide(l.Kernel, or(l.Stride, one), l.Pad, l.PadBegin, l.Dilation)
	case graph.MaxPool:
		return slide(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.Dilation)
	case graph.AvgPool:
		return slide(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.Dilation)
	case graph.LpPool:
		return slide(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.Dilation)
	case graph.Subsample:
		return slide(l.Kernel, or(l.Stride, l.Kernel), graph.Pair{}, graph.Pair{}, one)
	case graph.ActivationFunction, graph.PReLU, graph.BatchNorm, graph.LRN, graph.Dropout, graph.Dropout2D, graph.StochasticDepth,
		graph.Normalize, graph.Scale, graph.Concat, graph.Add, graph.Slice, graph.ChannelShuffle, graph.PadChannels:
		return field, true
	}
	return image.Rectangle{}, false
}
