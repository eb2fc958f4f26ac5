package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ReLU is the rectifier, y = max(x, 0), element by element on any shape. Its gradient at 0 is 0.
func ReLU(x *G.Node) (*G.Node, error) { return apply("ReLU", relu[float32], relu[float64], x) }

// relu: y = x·1[x > 0], so dx = dy·1[x > 0]; and x > 0 exactly where y > 0, so the result alone is kept.
func relu[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	return rule[T]{
		output:  in[0],
		inPlace: true,
		forward: func(in [][]T, y []T) error { kernel.ReLU(in[0], y); return nil },
		vjps:    []vjp[T]{reluVJP[T]()},
	}, nil
}

func reluVJP[T kernel.Float]() vjp[T] {
	return vjp[T]{
		reads:   []operand{result},
		inPlace: true,
		apply:   func(saved [][]T, dy, dx []T) error { kernel.ReLUBackward(saved[0], dy, dx); return nil },
	}
}
