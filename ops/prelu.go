package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// PReLU is y = x above 0, slope·x elsewhere, with slopes that are learnt (He et al. 2015): slope is
// (C) for x (N, C, …), or (1) for x of any shape. The gradient of x at 0 is the slope.
func PReLU(x, slope *G.Node) (*G.Node, error) {
	return apply("PReLU", prelu[float32], prelu[float64], x, slope)
}

// prelu: y[n,c,i] = x if x > 0, else a[c]·x, so
//
//	dx[n,c,i] = dy[n,c,i]·(1 if x > 0, else a[c])
//	da[c]     = Σn,i dy[n,c,i]·x[n,c,i]·1[x <= 0]
//
// x is read for both: slopes may be negative, so y doesn't tell its sign.
func prelu[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, slope := in[0], in[1]
	batch, channels, plane, err := preluShape(x, slope)
	if err != nil {
		return rule[T]{}, err
	}
	k := kernel.NewPReLU[T](batch, channels, plane)
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) error { k.Forward(in[0], in[1], y); return nil },
		vjps: []vjp[T]{
			{reads: []operand{0, 1}, inPlace: true, apply: func(saved [][]T, dy, dx []T) error {
				k.BackwardData(saved[0], saved[1], dy, dx)
				return nil
			}},
			{reads: []operand{0}, apply: func(saved [][]T, dy, da []T) error {
				k.BackwardSlope(saved[0], dy, da)
				return nil
			}},
		},
	}, nil
}

func preluShape(x, slope tensor.Shape) (batch, channels, plane int, err error) {
	if slope.Dims() == 1 && slope[0] == 1 && x.TotalSize() > 0 {
		return samples(x), 1, x.TotalSize() / samples(x), nil
	}
	if x.Dims() < 2 || x.TotalSize() == 0 {
		return 0, 0, 0, fmt.Errorf("input has shape %v, slope %v: want (N, C, …) with (C), or any with (1)", x, slope)
	}
	if slope.Dims() != 1 || slope[0] != x[1] {
		return 0, 0, 0, fmt.Errorf("slope has shape %v: want (1) or (%d), one for each channel of %v", slope, x[1], x)
	}
	return x[0], x[1], x.TotalSize() / (x[0] * x[1]), nil
}

// samples is the size of the batch; a scalar is one sample.
func samples(x tensor.Shape) int {
	if x.Dims() == 0 {
		return 1
	}
	return x[0]
}
