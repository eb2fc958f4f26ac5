package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// LogSoftmax is the logarithm of [Softmax], row by row of logits (N, classes):
// y[c] = x[c] - log Σk e^x[k]. Large logits don't overflow, and a probability too small for the
// element type still has its logarithm.
func LogSoftmax(x *G.Node) (*G.Node, error) {
	return apply("LogSoftmax", logSoftmax[float32], logSoftmax[float64], x)
}

// logSoftmax: ∂y[c]/∂x[k] = 1[c=k] - e^y[k], so dx[k] = dy[k] - e^y[k]·Σc dy[c].
func logSoftmax[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if in[0].Dims() != 2 || in[0].TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("input has shape %v: want (N, classes)", in[0])
	}
	n, classes := in[0][0], in[0][1]
	return rule[T]{
		output:  in[0],
		forward: func(in [][]T, y []T) error { kernel.LogSoftmax(n, classes, in[0], y); return nil },
		vjps: []vjp[T]{{
			reads: []operand{result},
			apply: func(saved [][]T, dy, dx []T) error {
				kernel.LogSoftmaxBackward(n, classes, saved[0], dy, dx)
				return nil
			},
		}},
	}, nil
}
