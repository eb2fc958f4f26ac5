package ops

import (
	"fmt"
	"slices"
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

// FrozenBatchNormReLU is [FrozenBatchNorm] and [ReLU] in one, as [BatchNormReLU] is.
func FrozenBatchNormReLU(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
	f32, f64 := frozenBatchNormReLU[float32](eps), frozenBatchNormReLU[float64](eps)
	return apply("FrozenBatchNormReLU", f32, f64, x, weight, bias, mean, variance)
}

// frozenBatchNormReLU: y = max(a, 0) of frozenBatchNorm's a, so first da = dy·1[y > 0] (see relu).
func frozenBatchNormReLU[T kernel.Float](eps float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		r, k, err := frozenNormRule[T](in, eps)
		if err != nil {
			return rule[T]{}, err
		}
		r.forward = func(in [][]T, y []T) error {
			k().ForwardFrozenReLU(in[0], in[1], in[2], in[3], in[4], y)
			return nil
		}
		r.outer = reluVJP[T](in[0])
		return r, nil
	}
}

// frozenBatchNorm: with r = 1/√(variance + eps), which doesn't depend on x,
//
//	dx    = r·w·dy
//	dw[c] = Σ dy·(x - mean)·r
//	db[c] = Σ dy
//
// with the sums over the batch and the plane. db is a by-product of dw. The gradients are those of the
// form F(z, w, dy) = Σ r·z·w·dy, at z = x - mean.
func frozenBatchNorm[T kernel.Float](eps float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		r, _, err := frozenNormRule[T](in, eps)
		return r, err
	}
}

// frozenNormRule is frozenBatchNorm's rule, and its kernel.
func frozenNormRule[T kernel.Float](in []tensor.Shape, eps float64) (rule[T], func() *kernel.Norm[T], error) {
	if err := checkNorm(in, eps); err != nil {
		return rule[T]{}, nil, err
	}
	x := in[0]
	k := sync.OnceValue(func() *kernel.Norm[T] {
		return kernel.NewNorm[T](kernel.NormShape{Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: eps})
	})
	f, centre := frozenForm[T](x, in[1], eps), frozenCentre[T](x)
	return rule[T]{
		attributes: fmt.Sprintf("eps %g", eps),
		output:     x,
		inPlace:    true,
		split:      splits(func(p *Part) { k().Split(p) }),
		forward: func(in [][]T, y []T) error {
			k().ForwardFrozen(in[0], in[1], in[2], in[3], in[4], y)
			return nil
		},
		vjps: []vjp[T]{
			{reads: []operand{1, 4}, inPlace: true, apply: func(saved [][]T, dy, dx []T) error {
				k().BackwardDataFrozen(saved[0], saved[1], dy, dx)
				return nil
			}, second: f.second(0, 2, 1)},
			{reads: []operand{0, 3, 4}, apply: func(saved [][]T, dy, dw []T) error {
				k().BackwardWeightsFrozen(saved[0], saved[1], saved[2], dy, dw)
				return nil
			}, second: second{
				transposed: func(n around) (*G.Node, error) {
					var c composer
					z := c.node(centre(n.saved[0], n.saved[1]))
					return c.node(f.node(2, formNodes{G.Nodes{z, n.u, nil}, n.saved[2:], nil})), c.err
				},
				bends: []bend{{0, func(n around) (*G.Node, error) {
					return f.node(0, formNodes{G.Nodes{nil, n.u, n.dout}, n.saved[2:], nil})
				}}},
			}},
			{after: []operand{gradientOf(1)}, sideOutput: true,
				apply:  func(_ [][]T, _, db []T) error { k().BackwardBias(db); return nil },
				second: biasForm[T](x).second(0, 1)},
			{}, {},
		},
		again: func(inputs G.Nodes, dy *G.Node) (G.Nodes, error) {
			var c composer
			variance := inputs[4:]
			z := c.node(centre(inputs[0], inputs[3]))
			dx := c.node(f.node(0, formNodes{G.Nodes{nil, inputs[1], dy}, variance, nil}))
			dw := c.node(f.node(1, formNodes{G.Nodes{z, nil, dy}, variance, nil}))
			db := c.node(biasForm[T](x).of(0, nil, dy))
			return G.Nodes{dx, dw, db, nil, nil}, c.err
		},
	}, k, nil
}

// frozenForm is F(z, w, dy) of frozenBatchNorm, with the variance as context.
func frozenForm[T kernel.Float](x, w tensor.Shape, eps float64) form[T] {
	k := sync.OnceValue(func() *kernel.Norm[T] {
		return kernel.NewNorm[T](kernel.NormShape{Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: eps})
	})
	zero := make([]T, x[1])
	return form[T]{name: "FrozenBatchNorm", slots: []tensor.Shape{x, w, x}, curved: true, partials: []partial[T]{
		func(in, context [][]T, dz []T) error {
			k().BackwardDataFrozen(in[1], context[0], in[2], dz)
			return nil
		},
		func(in, context [][]T, dw []T) error {
			k().BackwardWeightsFrozen(in[0], zero, context[0], in[2], dw)
			return nil
		},
		func(in, context [][]T, y []T) error { k().BackwardDataFrozen(in[1], context[0], in[0], y); return nil },
	}}
}

// frozenCentre adds x - mean[c]. The mean has no gradient.
func frozenCentre[T kernel.Float](x tensor.Shape) func(x, mean *G.Node) (*G.Node, error) {
	one := slices.Repeat([]T{1}, x[1])
	r := rule[T]{
		output: x,
		forward: func(in [][]T, z []T) error {
			kernel.Normalize(x[0], x[1], planeOf(x), in[0], in[1], one, z)
			return nil
		},
		vjps: []vjp[T]{unchanged[T]("FrozenBatchNorm", x, x), {}},
	}
	return func(x, mean *G.Node) (*G.Node, error) {
		return applyRule("dFrozenBatchNorm", r, G.Nodes{x, mean})
	}
}
