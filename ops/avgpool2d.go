package ops

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// AvgPool2D is the mean of each window of each channel: x is (N, C, H, W), the result (N, C, OH,
// OW). Padding counts as zeros, so every sum is divided by kh·kw, unless p.ExcludePad is set.
func AvgPool2D(x *G.Node, p Pool) (*G.Node, error) {
	p = p.withDefaults()
	return apply("AvgPool2D", avgPool2D[float32](p), avgPool2D[float64](p), x)
}

// avgPool2D: y[o] = 1/n[o] · Σ x over the window o, so dx[h] = Σ dy[o]/n[o] over the windows o that
// contain h. n[o] is the number of the window's elements in the input and its padding (kh·kw,
// unless p.Ceil lets the window reach beyond), or with p.ExcludePad in the input alone.
func avgPool2D[T kernel.Float](p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := poolShape(in[0], p)
		if err != nil {
			return rule[T]{}, err
		}
		k := sync.OnceValue(func() *kernel.AvgPool[T] { return kernel.NewAvgPool[T](shape) })
		return rule[T]{
			attributes: p.String(),
			output:     pooled(shape),
			forward:    func(in [][]T, y []T) { k().Forward(in[0], y) },
			vjps: []vjp[T]{transposed(in[0], pooled(shape),
				func(v, out []T) { k().Forward(v, out) }, func(v, out []T) { k().Backward(v, out) })},
		}, nil
	}
}
