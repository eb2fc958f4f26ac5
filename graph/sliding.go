package graph

import (
	"cmp"

	"gorgonia.org/tensor"
)

// Sliding is how the windows of a convolution or a pooling lie on the layer's input. The cells of
// the window at (row, column) of the output are Dilation apart. The first one is at (row·Stride[0]
// - Before[0], column·Stride[1] - Before[1]) of the input.
type Sliding struct {
	Kernel, Stride Pair
	Before, After  Pair // padding above and left, below and right
	Dilation       Pair
}

// SlidingOf returns how a layer's windows lie on an input of shape (C, H, W). It returns false for
// a layer without windows.
func SlidingOf(l Layer, in tensor.Shape) (s Sliding, ok bool) {
	one := Square(1)
	switch l := l.(type) {
	case Conv2D:
		return sliding(l.Kernel, or(l.Stride, one), l.Pad, l.PadBegin, l.PadEnd, l.Dilation), true
	case MaxPool:
		return sliding(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd, l.Dilation), true
	case AvgPool:
		return sliding(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd, l.Dilation), true
	case LpPool:
		return sliding(l.Kernel, or(l.Stride, l.Kernel), l.Pad, l.PadBegin, l.PadEnd, l.Dilation), true
	case Subsample:
		return Sliding{Kernel: l.Kernel, Stride: or(l.Stride, l.Kernel), Dilation: one}, true
	case GlobalMaxPool, GlobalAvgPool:
		if in.Dims() != 3 {
			return Sliding{}, false
		}
		plane := Pair{in[1], in[2]}
		return Sliding{Kernel: plane, Stride: plane, Dilation: one}, true
	}
	return Sliding{}, false
}

func sliding(kernel, stride, pad, begin, end, dilation Pair) Sliding {
	return Sliding{kernel, stride, plus(pad, begin), plus(pad, end), or(dilation, Square(1))}
}

// Reach returns the first and the last row (side 0) or column (side 1) of the input that the
// outputs from first to last depend on. Both may lie in the padding.
func (s Sliding) Reach(side, first, last int) (low, high int) {
	low = first*s.Stride[side] - s.Before[side]
	return low, last*s.Stride[side] - s.Before[side] + (s.Kernel[side]-1)*s.Dilation[side]
}

func plus(p, q Pair) Pair { return Pair{p[0] + q[0], p[1] + q[1]} }

func or(p, fallback Pair) Pair { return Pair{cmp.Or(p[0], fallback[0]), cmp.Or(p[1], fallback[1])} }
