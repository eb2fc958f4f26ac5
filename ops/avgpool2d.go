package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// AvgPool2D takes the mean of each window of each channel: x is (N, C, H, W), the result (N, C, OH, OW). Padding counts as zeros: every
// window is divided by kh·kw.
func AvgPool2D(x *G.Node, p Pool) (*G.Node, error) {
	p = p.withDefaults()
	return apply("AvgPool2D", avgPool2D[float32](p), avgPool2D[float64](p), x)
}

// avgPool2D: y = 1/(kh·kw) · Σ x over the window, so dx[h] = 1/(kh·kw) · Σ dy over the windows that see h.
func avgPool2D[T kernel.Float](p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := poolShape(in[0], p)
		if err != nil {
			return rule[T]{}, err
		}
		k := kernel.NewAvgPool[T](shape)
		return rule[T]{
			attributes: p.String(),
			output:     pooled(shape),
			forward:    func(in [][]T, y []T) error { k.Forward(in[0], y); return nil },
			vjps:       []vjp[T]{{apply: func(_ [][]T, dy, dx []T) error { k.Backward(dy, dx); return nil }}},
		}, nil
	}
}
