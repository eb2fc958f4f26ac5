package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// PReLU is y = x above 0, slope·x elsewhere, with learned slopes (He et al. 2015): slope is (C) for
// x (N, C, …), or (1) for x of any shape. The gradient of x at 0 is the slope.
func PReLU(x, slope *G.Node) (*G.Node, error) {
	return apply("PReLU", prelu[float32], prelu[float64], x, slope)
}

// prelu: y[n,c,i] = x if x > 0, else a[c]·x, so
//
//	dx[n,c,i] = dy[n,c,i]·(1 if x > 0, else a[c])
//	da[c]     = Σn,i dy[n,c,i]·x[n,c,i]·1[x <= 0]
//
// Both read x, not y: slopes may be negative, so y doesn't determine the sign of x. Where x isn't
// 0, dx depends on a, and da on x, through one form
//
//	F(a, v, dy) = Σ a[c]·v·dy·1[x <= 0]
//
// because dx is linear in a, and da = ∂F/∂a at v = x.
func prelu[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, slope := in[0], in[1]
	batch, channels, plane, err := preluShape(x, slope)
	if err != nil {
		return rule[T]{}, err
	}
	k := kernel.NewPReLU[T](batch, channels, plane)
	f := belowForm[T](x, slope, channels, plane)
	dx := vjp[T]{
		reads: []operand{0, 1}, inPlace: true,
		apply: func(in [][]T, _, dy, dx []T) { k.BackwardData(in[0], in[1], dy, dx) },
	}
	da := vjp[T]{
		reads: []operand{0},
		apply: func(in [][]T, _, dy, da []T) { k.BackwardSlope(in[0], dy, da) },
		second: second{
			transposed: func(n around) (*G.Node, error) { return f.of(n, n.u, n.in[0], nil) },
			bends:      []bend{{0, func(n around) (*G.Node, error) { return f.of(n, n.u, nil, n.dy) }}},
		},
	}
	return rule[T]{
		output:  x,
		inPlace: true,
		split:   splits(k.Split),
		forward: func(in [][]T, y []T) { k.Forward(in[0], in[1], y) },
		vjps: []vjp[T]{
			dx.symmetric(x, bend{1, func(n around) (*G.Node, error) { return f.of(n, nil, n.u, n.dy) }}),
			da,
		},
	}, nil
}

// belowForm is F(a, v, dy) of prelu, with x, input 0 of the op, as context.
func belowForm[T kernel.Float](x, slope tensor.Shape, channels, plane int) form[T] {
	sums := make([]float64, channels)
	scaled := func(a, v, x, out []T) {
		for i, at := range x {
			out[i] = 0
			if !(at > 0) {
				out[i] = a[i/plane%channels] * v[i]
			}
		}
	}
	slots := []tensor.Shape{slope, x, x}
	return form[T]{slots: slots, context: []operand{0}, partials: []partial[T]{
		func(s, in [][]T, _, da []T) {
			clear(sums)
			v, dy := s[1], s[2]
			for i, at := range in[0] {
				if !(at > 0) {
					sums[i/plane%channels] += float64(v[i]) * float64(dy[i])
				}
			}
			for c, sum := range sums {
				da[c] = T(sum)
			}
		},
		func(s, in [][]T, _, dv []T) { scaled(s[0], s[2], in[0], dv) },
		func(s, in [][]T, _, y []T) { scaled(s[0], s[1], in[0], y) },
	}}
}

func preluShape(x, slope tensor.Shape) (batch, channels, plane int, err error) {
	if slope.Dims() == 1 && slope[0] == 1 && x.TotalSize() > 0 {
		return samples(x), 1, x.TotalSize() / samples(x), nil
	}
	if x.Dims() < 2 || x.TotalSize() == 0 {
		return 0, 0, 0, fmt.Errorf(
			"input and slope: got shapes %v and %v, want (N, C, …) and (C), or any and (1)", x, slope,
		)
	}
	if slope.Dims() != 1 || slope[0] != x[1] {
		return 0, 0, 0, fmt.Errorf("slope: got shape %v, want (1) or (%d), one for each channel of %v", slope, x[1], x)
	}
	return x[0], x[1], x.TotalSize() / (x[0] * x[1]), nil
}

// samples returns the size of the batch; a scalar is one sample.
func samples(x tensor.Shape) int {
	if x.Dims() == 0 {
		return 1
	}
	return x[0]
}
