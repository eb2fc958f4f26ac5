package explore

import (
	"cmp"

	"convgraph/graph"
)

// A window is where a convolution or a pooling looks: its cells stand dilation apart, from the top left one on, which may lie in the
// padding, outside its input.
type window struct {
	Top      int    `json:"top"`
	Left     int    `json:"left"`
	Height   int    `json:"height"` // in cells
	Width    int    `json:"width"`
	Dilation [2]int `json:"dilation"` // down and to the right
}

// An area is a rectangle of the picture, its last row and column included.
type area struct {
	Top    int `json:"top"`
	Left   int `json:"left"`
	Bottom int `json:"bottom"`
	Right  int `json:"right"`
}

// sliding is how a layer's windows lie on its input.
type sliding struct{ kernel, stride, pad, dilation graph.Pair }

// slidingOf says how a layer's windows lie; ok is false if it has none.
func slidingOf(l graph.Layer) (s sliding, ok bool) {
	one := graph.Square(1)
	switch l := l.(type) {
	case graph.Conv2D:
		return sliding{l.Kernel, or(l.Stride, one), l.Pad, or(l.Dilation, one)}, true
	case graph.MaxPool:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), l.Pad, one}, true
	case graph.AvgPool:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), l.Pad, one}, true
	case graph.Subsample:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), graph.Pair{}, one}, true
	}
	return sliding{}, false
}

func or(p, fallback graph.Pair) graph.Pair {
	return graph.Pair{cmp.Or(p[0], fallback[0]), cmp.Or(p[1], fallback[1])}
}

// window is the one that a cell was computed from.
func (s sliding) window(c cell) window {
	return window{
		Top: c.Row*s.stride[0] - s.pad[0], Left: c.Column*s.stride[1] - s.pad[1],
		Height: s.kernel[0], Width: s.kernel[1], Dilation: s.dilation,
	}
}

// reach is the area of the input that an area of the output depends on; it may stand out of the input.
func (s sliding) reach(a area) area {
	return area{
		Top: a.Top*s.stride[0] - s.pad[0], Bottom: a.Bottom*s.stride[0] - s.pad[0] + (s.kernel[0]-1)*s.dilation[0],
		Left: a.Left*s.stride[1] - s.pad[1], Right: a.Right*s.stride[1] - s.pad[1] + (s.kernel[1]-1)*s.dilation[1],
	}
}

// row and column are the place of the window's cell k, in reading order.
func (w window) place(k int) (row, column int) {
	return w.Top + k/w.Width*w.Dilation[0], w.Left + k%w.Width*w.Dilation[1]
}

// read takes the window's values of one map of x; inside is false where it lies in the padding.
func (w window) read(x []float32, e extent, m int) (values []float32, inside []bool) {
	n := w.Height * w.Width
	values, inside = make([]float32, n), make([]bool, n)
	for k := range n {
		row, column := w.place(k)
		if row >= 0 && row < e.Height && column >= 0 && column < e.Width {
			values[k], inside[k] = x[e.at(cell{m, row, column})], true
		}
	}
	return values, inside
}

// sees is the part of the picture that a cell of layer i depends on: back from layer to layer, the window of the window.
func (n *network) sees(i int, c cell) area {
	a := area{c.Row, c.Column, c.Row, c.Column}
	for ; i >= 0; i-- {
		l := n.Layers[i]
		switch s, ok := slidingOf(l.layer); {
		case ok:
			a = s.reach(a)
		case l.in != l.Output || l.Kind == "affine" || l.Kind == "softmax":
			a = area{0, 0, l.in.Height - 1, l.in.Width - 1}
		}
		a = area{max(a.Top, 0), max(a.Left, 0), min(a.Bottom, l.in.Height-1), min(a.Right, l.in.Width-1)}
	}
	return a
}
