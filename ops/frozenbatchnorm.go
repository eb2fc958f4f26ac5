package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// FrozenBatchNorm is batch normalisation with a given mean and variance (C), as a network predicts
// with its running estimates: y = (x - mean[c])/√(variance[c] + eps)·weight[c] + bias[c] for x
// (N, C, H, W) or (N, C). The mean and the variance have no gradient.
func FrozenBatchNorm(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
	f32, f64 := frozenBatchNorm[float32](eps), frozenBatchNorm[float64](eps)
	return apply("FrozenBatchNorm", f32, f64, x, weight, bias, mean, variance)
}

// frozenBatchNorm: with r = 1/√(variance + eps), which doesn't depend on x,
//
//	dx    = r·w·dy
//	dw[c] = Σ dy·(x - mean)·r
//	db[c] = Σ dy
//
// with the sums over the batch and the plane. db is a by-product of dw.
func frozenBatchNorm[T kernel.Float](eps float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := checkNorm(in, eps); err != nil {
			return rule[T]{}, err
		}
		x := in[0]
		k := sync.OnceValue(func() *kernel.Norm[T] {
			return kernel.NewNorm[T](kernel.NormShape{Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: eps})
		})
		return rule[T]{
			attributes: fmt.Sprintf("eps %g", eps),
			output:     x,
			inPlace:    true,
			forward: func(in [][]T, y []T) error {
				k().ForwardFrozen(in[0], in[1], in[2], in[3], in[4], y)
				return nil
			},
			vjps: []vjp[T]{
				{reads: []operand{1, 4}, inPlace: true, apply: func(saved [][]T, dy, dx []T) error {
					k().BackwardDataFrozen(saved[0], saved[1], dy, dx)
					return nil
				}},
				{reads: []operand{0, 3, 4}, apply: func(saved [][]T, dy, dw []T) error {
					k().BackwardWeightsFrozen(saved[0], saved[1], saved[2], dy, dw)
					return nil
				}},
				{after: []operand{gradientOf(1)}, byProduct: true,
					apply: func(_ [][]T, _, db []T) error { k().BackwardBias(db); return nil }},
				{}, {},
			},
		}, nil
	}
}
