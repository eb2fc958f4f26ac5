package inspect

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// A window is the part of an input that a convolution or a pooling reads for one cell. Its cells
// are dilation apart. It may begin in the padding, outside the input.
type window struct {
	Top      int    `json:"top"`
	Left     int    `json:"left"`
	Height   int    `json:"height"` // in cells
	Width    int    `json:"width"`
	Dilation [2]int `json:"dilation"` // down and to the right
}

// sliding is the geometry of a layer's windows.
type sliding struct{ graph.Sliding }

// slidingOf returns the geometry of a layer's windows on an input; ok is false if the layer has no
// windows.
func slidingOf(l graph.Layer, in extent) (s sliding, ok bool) {
	s.Sliding, ok = graph.SlidingOf(l, tensor.Shape{in.Maps, in.Height, in.Width})
	return s, ok
}

// window returns the window from which a cell was computed.
func (s sliding) window(c cell) window {
	return window{
		Top: c.Row*s.Stride[0] - s.Before[0], Left: c.Column*s.Stride[1] - s.Before[1],
		Height: s.Kernel[0], Width: s.Kernel[1], Dilation: s.Dilation,
	}
}

// reach returns the area of the input on which an area of the output depends. It may extend beyond
// the input.
func (s sliding) reach(a area) (reached area) {
	reached.Top, reached.Bottom = s.Reach(0, a.Top, a.Bottom)
	reached.Left, reached.Right = s.Reach(1, a.Left, a.Right)
	return reached
}

// cellAt returns the row and column of the window's cell k, in reading order.
func (w window) cellAt(k int) (row, column int) {
	return w.Top + k/w.Width*w.Dilation[0], w.Left + k%w.Width*w.Dilation[1]
}

// read returns the window's values in one map of x; inside is false for padding.
func (w window) read(x []float32, e extent, m int) (values []float32, inside []bool) {
	n := w.Height * w.Width
	values, inside = make([]float32, n), make([]bool, n)
	for k := range n {
		row, column := w.cellAt(k)
		if row >= 0 && row < e.Height && column >= 0 && column < e.Width {
			values[k], inside[k] = x[e.at(cell{m, row, column})], true
		}
	}
	return values, inside
}

// counted returns by how many cells a mean divides: those in the input and the padding, or in the
// input alone. Cells beyond the padding never count.
func (s sliding) counted(c cell, in extent, excludePad bool) int {
	w := s.window(c)
	count := 1
	for i, side := range [2]struct{ first, cells, size int }{{w.Top, w.Height, in.Height},
		{w.Left, w.Width, in.Width}} {
		n := 0
		for k := range side.cells {
			at := side.first + k*s.Dilation[i]
			switch {
			case at >= 0 && at < side.size, !excludePad && at < side.size+s.After[i]:
				n++
			}
		}
		count *= n
	}
	return count
}
