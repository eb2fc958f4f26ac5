package ops

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// MaxPool2D takes the largest value of each window of each channel: x is (N, C, H, W), the result (N, C, OH, OW). Windows may overlap or
// leave gaps; padding never wins; of equal values the first in reading order gets the gradient.
func MaxPool2D(x *G.Node, p Pool) (*G.Node, error) {
	p = p.withDefaults()
	return apply("MaxPool2D", maxPool2D[float32](p), maxPool2D[float64](p), x)
}

// maxPool2D: y = x[a] with a the place of the window's largest value, so dx[h] = Σ dy over the windows whose a is h. The forward pass
// leaves a behind. a doesn't change with x but at kinks, so dx is linear in dy: its transpose gathers
// what it scatters, u[a].
func maxPool2D[T kernel.Float](p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := poolShape(in[0], p)
		if err != nil {
			return rule[T]{}, err
		}
		k := sync.OnceValue(func() *kernel.MaxPool[T] { return kernel.NewMaxPool[T](shape) })
		return rule[T]{
			attributes: p.String(),
			output:     pooled(shape),
			forward:    func(in [][]T, y []T) error { k().Forward(in[0], y); return nil },
			vjps: []vjp[T]{{
				after: []operand{result}, // the places must have been found
				apply: func(_ [][]T, dy, dx []T) error { k().Backward(dy, dx); return nil },
				second: linear("MaxPool2D", in[0], pooled(shape),
					func(_ [][]T, v, out []T) error { k().Gather(v, out); return nil },
					func(_ [][]T, v, out []T) error { k().Backward(v, out); return nil },
				).second(0, 1),
			}},
		}, nil
	}
}
