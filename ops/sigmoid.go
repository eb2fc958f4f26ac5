package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Sigmoid is the logistic function y = 1/(1+e^-x), element by element on any shape.
func Sigmoid(x *G.Node) (*G.Node, error) {
	return apply("Sigmoid", sigmoid[float32], sigmoid[float64], x)
}

// sigmoid: dy/dx = y·(1-y), so dx = dy·y·(1-y).
func sigmoid[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	return rule[T]{
		output:  in[0],
		inPlace: true,
		forward: func(in [][]T, y []T) error { kernel.Sigmoid(in[0], y); return nil },
		vjps: []vjp[T]{{
			reads:   []operand{result},
			inPlace: true,
			apply:   func(saved [][]T, dy, dx []T) error { kernel.SigmoidBackward(saved[0], dy, dx); return nil },
		}},
	}, nil
}
