package insight

import (
	"image"

	"convgraph/graph"
)

// Sees returns the receptive field of a cell of a layer's maps: the part of the picture that it is
// computed from, over all branches. The field may reach into the padding, beyond the picture. It is
// the whole picture if a layer between reads everything or isn't known.
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

// reach returns the part of a layer's input that a part of its output depends on; ok is false if
// that is all of it, or not known.
func reach(n *graph.Node, field image.Rectangle) (reached image.Rectangle, ok bool) {
	switch n.Layer.(type) {
	case graph.GlobalAvgPool, graph.GlobalMaxPool:
		return image.Rectangle{}, false
	case graph.ActivationFunction, graph.PReLU, graph.BatchNorm, graph.LRN, graph.Dropout, graph.Dropout2D,
		graph.StochasticDepth,
		graph.Normalize, graph.Scale, graph.Concat, graph.Add, graph.Slice, graph.ChannelShuffle, graph.PadChannels:
		return field, true
	}
	s, ok := graph.SlidingOf(n.Layer, n.Inputs[0].Shape)
	if !ok {
		return image.Rectangle{}, false
	}
	top, bottom := s.Reach(0, field.Min.Y, field.Max.Y-1)
	left, right := s.Reach(1, field.Min.X, field.Max.X-1)
	return image.Rect(left, top, right+1, bottom+1), true
}
