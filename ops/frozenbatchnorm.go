package ops

import (
	"fmt"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// FrozenBatchNorm is batch normalization with a given mean and variance (C), as in prediction with
// the running statistics: y = (x - mean[c])/√(variance[c] + eps)·weight[c] + bias[c] for x (N, C,
// H, W) or (N, C). The mean and the variance have no gradient.
func FrozenBatchNorm(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
	f32, f64 := frozenBatchNorm[float32](eps), frozenBatchNorm[float64](eps)
	return apply("FrozenBatchNorm", f32, f64, x, weight, bias, mean, variance)
}

// FrozenBatchNormReLU is [FrozenBatchNorm] followed by [ReLU] in one pass; see [BatchNormReLU].
func FrozenBatchNormReLU(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
	l := rectifier()
	f32, f64 := limitedFrozenBatchNorm[float32](eps, l), limitedFrozenBatchNorm[float64](eps, l)
	return apply("FrozenBatchNormReLU", f32, f64, x, weight, bias, mean, variance)
}

// FrozenBatchNormClip is [FrozenBatchNorm] followed by [Clip] in one pass; see [BatchNormReLU].
func FrozenBatchNormClip(x, weight, bias, mean, variance *G.Node, eps, low, high float64) (*G.Node, error) {
	l := clipper(low, high)
	f32, f64 := limitedFrozenBatchNorm[float32](eps, l), limitedFrozenBatchNorm[float64](eps, l)
	return apply("FrozenBatchNormClip", f32, f64, x, weight, bias, mean, variance)
}

// limitedFrozenBatchNorm: y = f(a) of frozenBatchNorm's a, so first da = dy·f'(a), which y tells.
func limitedFrozenBatchNorm[T kernel.Float](eps float64, l limiter) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		r, k, err := frozenNormRule[T](in, eps)
		if err != nil {
			return rule[T]{}, err
		}
		r.attributes = l.with(r.attributes)
		r.forward = func(in [][]T, y []T) {
			k().ForwardFrozenWithin(limitsOf[T](l), in[0], in[1], in[2], in[3], in[4], y)
		}
		r.epilogue = functionVJP[T](l.Function, in[0])
		return r, l.Check()
	}
}

// frozenBatchNorm: with r = 1/√(variance + eps), which doesn't depend on x,
//
//	dx    = r·w·dy
//	dw[c] = Σ dy·(x - mean)·r
//	db[c] = Σ dy
//
// with the sums over the batch and the plane. db is a side output of dw. The gradients of dx are
// those of the form F(x, w, dy) = Σ r·x·w·dy. With q for dw,
//
//	⟨q, dw⟩ = Σ q·dy·(x - mean)·r       d(dy) = q·(x - mean)·r       d(x) = r·q·dy
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
	n := frozenNorm[T]{x: in[0], eps: eps}
	k := n.kernel()
	return rule[T]{
		attributes: fmt.Sprintf("eps %g", eps),
		output:     n.x,
		inPlace:    true,
		split:      splits(func(p *Part) { k().Split(p) }),
		forward: func(in [][]T, y []T) {
			k().ForwardFrozen(in[0], in[1], in[2], in[3], in[4], y)
		},
		vjps:  n.vjps(k),
		again: func() []vjp[T] { return n.vjps(n.kernel()) },
	}, k, nil
}

// frozenNorm makes the gradients of a frozenBatchNorm of x.
type frozenNorm[T kernel.Float] struct {
	x   tensor.Shape
	eps float64
}

func (n frozenNorm[T]) kernel() func() *kernel.Norm[T] {
	return sync.OnceValue(func() *kernel.Norm[T] {
		return kernel.NewNorm[T](kernel.NormShape{Batch: n.x[0], Channels: n.x[1], Plane: planeOf(n.x), Eps: n.eps})
	})
}

// vjps are the gradients of x, weight and bias, computed by k.
func (n frozenNorm[T]) vjps(k func() *kernel.Norm[T]) []vjp[T] {
	f := n.form()
	dx := vjp[T]{
		reads: []operand{1, 4}, inPlace: true,
		apply:  func(in [][]T, _, dy, dx []T) { k().BackwardDataFrozen(in[1], in[4], dy, dx) },
		second: f.second(0),
	}
	dw := vjp[T]{
		reads: []operand{0, 3, 4},
		apply: func(in [][]T, _, dy, dw []T) { k().BackwardWeightsFrozen(in[0], in[3], in[4], dy, dw) },
		second: second{
			transposed: func(a around) (*G.Node, error) { return n.scaled(a, a.in[0], a.u, a.in[3], a.in[4]) },
			bends:      []bend{{0, func(a around) (*G.Node, error) { return f.of(a, nil, a.u, a.dy) }}},
		},
	}
	db := vjp[T]{
		after: []operand{gradientOf(1)}, sideOutput: true,
		apply:  func(_ [][]T, _, _, db []T) { k().BackwardBias(db) },
		second: biasSecond[T](n.x),
	}
	return []vjp[T]{dx, dw, db, {}, {}}
}

// form is F(x, w, dy) of frozenBatchNorm, with the variance, input 4 of the op, as context.
func (n frozenNorm[T]) form() form[T] {
	k, eps := n.kernel(), n.eps
	scaled := func(w, variance, v, out []T) { k().BackwardDataFrozen(w, variance, v, out) }
	sums := channelSums[T](n.x)
	slots := []tensor.Shape{n.x, {n.x[1]}, n.x}
	return form[T]{slots: slots, context: []operand{4}, curved: true, partials: []partial[T]{
		func(s, in [][]T, _, dx []T) { scaled(s[1], in[4], s[2], dx) },
		func(s, in [][]T, _, dw []T) {
			sums(s[0], s[2], dw)
			for c, v := range in[4] {
				dw[c] *= T(1 / math.Sqrt(float64(v)+eps))
			}
		},
		func(s, in [][]T, _, y []T) { scaled(s[1], in[4], s[0], y) },
	}}
}

// scaled adds q·(x - mean)·r, which is frozenBatchNorm without a bias.
func (n frozenNorm[T]) scaled(a around, x, q, mean, variance *G.Node) (*G.Node, error) {
	k, zero := n.kernel(), make([]T, n.x[1])
	return bent(a.name, n.x, func(in [][]T, y []T) {
		k().ForwardFrozen(in[0], in[1], zero, in[2], in[3], y)
	}, x, q, mean, variance)
}
