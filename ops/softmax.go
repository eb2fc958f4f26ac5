package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Softmax turns each row of logits (N, classes) into probabilities: y[c] = e^x[c] / Σk e^x[k].
func Softmax(x *G.Node) (*G.Node, error) {
	return apply("Softmax", softmax[float32], softmax[float64], x)
}

// softmax: ∂y[c]/∂x[k] = y[c]·(1[c=k] - y[k]), so dx[k] = y[k]·(dy[k] - Σc dy[c]·y[c]).
func softmax[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if in[0].Dims() != 2 || in[0].TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("input has shape %v: want (N, classes)", in[0])
	}
	n, classes := in[0][0], in[0][1]
	return rule[T]{
		output:  in[0],
		forward: func(in [][]T, y []T) error { kernel.Softmax(n, classes, in[0], y); return nil },
		vjps: []vjp[T]{{
			reads: []operand{result},
			apply: func(saved [][]T, dy, dx []T) error { kernel.SoftmaxBackward(n, classes, saved[0], dy, dx); return nil },
		}},
	}, nil
}
