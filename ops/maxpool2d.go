package ops

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// MaxPool2D is the largest value of each window of each channel: x is (N, C, H, W), the result (N,
// C, OH, OW). Windows may overlap or leave gaps. Padding is never the largest value. Among equal
// values the first in row-major order gets the gradient.
func MaxPool2D(x *G.Node, p Pool) (*G.Node, error) {
	p = p.withDefaults()
	return apply("MaxPool2D", maxPool2D[float32](p), maxPool2D[float64](p), x)
}

// maxPool2D: y = x[a] with a the index of the window's largest value, so dx[h] = Σ dy over the
// windows whose a is h. The forward pass stores a, which is constant except at kinks. So dx is a
// linear function of dy, a scatter; its transpose gathers u[a].
func maxPool2D[T kernel.Float](p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := poolShape(in[0], p)
		if err != nil {
			return rule[T]{}, err
		}
		k, kept := sync.OnceValue(func() *kernel.MaxPool[T] { return kernel.NewMaxPool[T](shape) }), false
		dx := transposed(in[0], pooled(shape),
			func(v, out []T) { k().Gather(v, out) }, func(dy, dx []T) { k().Backward(dy, dx) })
		dx.after = []operand{result} // the forward pass finds a
		return rule[T]{
			attributes: p.String(),
			output:     pooled(shape),
			forward: func(in [][]T, y []T) {
				if kept {
					k().KeepIndices()
				}
				k().Forward(in[0], y)
			},
			differentiated: func() { kept = true },
			vjps:           []vjp[T]{dx},
		}, nil
	}
}
