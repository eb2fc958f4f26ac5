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

// sliding is how a layer's windows lie on its input. before and after are the padding above and left,
// and below and right.
type sliding struct{ kernel, stride, before, after, dilation graph.Pair }

// slidingOf says how a layer's windows lie on an input; ok is false if it has none.
func slidingOf(l graph.Layer, in extent) (s sliding, ok bool) {
	one, no := graph.Square(1), graph.Pair{}
	switch l := l.(type) {
	case graph.Conv2D:
		return sliding{l.Kernel, or(l.Stride, one), plus(l.Pad, l.PadBegin), plus(l.Pad, l.PadEnd), or(l.Dilation, one)}, true
	case graph.MaxPool:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), plus(l.Pad, l.PadBegin), plus(l.Pad, l.PadEnd), or(l.Dilation, one)}, true
	case graph.AvgPool:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), plus(l.Pad, l.PadBegin), plus(l.Pad, l.PadEnd), or(l.Dilation, one)}, true
	case graph.LpPool:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), plus(l.Pad, l.PadBegin), plus(l.Pad, l.PadEnd), or(l.Dilation, one)}, true
	case graph.Subsample:
		return sliding{l.Kernel, or(l.Stride, l.Kernel), no, no, one}, true
	case graph.GlobalMaxPool, graph.GlobalAvgPool:
		plane := graph.Pair{in.Height, in.Width}
		return sliding{plane, plane, no, no, one}, true
	}
	return sliding{}, false
}

func plus(p, q graph.Pair) graph.Pair { return graph.Pair{p[0] + q[0], p[1] + q[1]} }

func or(p, fallback graph.Pair) graph.Pair {
	return graph.Pair{cmp.Or(p[0], fallback[0]), cmp.Or(p[1], fallback[1])}
}

// window is the one that a cell was computed from.
func (s sliding) window(c cell) window {
	return window{
		Top: c.Row*s.stride[0] - s.before[0], Left: c.Column*s.stride[1] - s.before[1],
		Height: s.kernel[0], Width: s.kernel[1], Dilation: s.dilation,
	}
}

// reach is the area of the input that an area of the output depends on; it may reach out of the input.
func (s sliding) reach(a area) area {
	return area{
		Top: a.Top*s.stride[0] - s.before[0], Bottom: a.Bottom*s.stride[0] - s.before[0] + (s.kernel[0]-1)*s.dilation[0],
		Left: a.Left*s.stride[1] - s.before[1], Right: a.Right*s.stride[1] - s.before[1] + (s.kernel[1]-1)*s.dilation[1],
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

// counted is how many of a window's cells a mean divides by: those in the input and the padding, or
// in the input alone. What lies beyond the padding never counts.
func (s sliding) counted(c cell, in extent, excludePad bool) int {
	w := s.window(c)
	count := 1
	for i, side := range [2]struct{ first, cells, size int }{{w.Top, w.Height, in.Height}, {w.Left, w.Width, in.Width}} {
		n := 0
		for k := range side.cells {
			at := side.first + k*s.dilation[i]
			switch {
			case at >= 0 && at < side.size, !excludePad && at < side.size+s.after[i]:
				n++
			}
		}
		count *= n
	}
	return count
}
