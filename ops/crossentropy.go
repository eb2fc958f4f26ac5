package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// SoftmaxCrossEntropy is the mean over the batch of -Σc t[c]·log softmax(x)[c], a scalar. The logits x are (N, classes); the target is (N),
// the class of each row as a whole number from 0, or (N, classes), a distribution a row. It is computed by log-sum-exp, so large logits
// neither overflow nor lose the loss. The target has no gradient.
func SoftmaxCrossEntropy(x, target *G.Node) (*G.Node, error) {
	return apply("SoftmaxCrossEntropy", crossEntropy[float32], crossEntropy[float64], x, target)
}

// crossEntropy: each row of the target sums to 1, so with p = softmax(x) and L = 1/N · Σn (log Σk e^x[k] - Σc t[c]·x[c]),
//
//	∂L/∂x[c] = (p[c] - t[c]) / N
//
// The forward pass leaves p and the target's rows behind for it.
func crossEntropy[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, t := in[0], in[1]
	if err := checkTarget(x, t); err != nil {
		return rule[T]{}, err
	}
	n, classes := x[0], x[1]
	p := sync.OnceValue(func() []T { return make([]T, n*classes) })
	rows := sync.OnceValue(func() []T { return make([]T, n*classes) })
	return rule[T]{
		output: tensor.ScalarShape(),
		forward: func(in [][]T, loss []T) error {
			if t.Dims() == 2 {
				copy(rows(), in[1])
			} else if err := oneHotRows(rows(), in[1], classes); err != nil {
				return err
			}
			loss[0] = kernel.CrossEntropy(n, classes, in[0], rows(), p())
			return nil
		},
		vjps: []vjp[T]{
			{
				after: []operand{result},
				apply: func(_ [][]T, dloss, dx []T) error {
					kernel.CrossEntropyBackward(n, classes, p(), rows(), dloss[0]/T(n), dx)
					return nil
				},
			},
			{},
		},
	}, nil
}

func checkTarget(x, t tensor.Shape) error {
	if x.Dims() != 2 || x.TotalSize() == 0 {
		return fmt.Errorf("logits have shape %v: want (N, classes)", x)
	}
	if t.Dims() == 1 && t[0] == x[0] {
		return nil
	}
	if t.Dims() == 2 && t.Eq(x) {
		return nil
	}
	return fmt.Errorf("target has shape %v: want (%d) class numbers or %v, a distribution a row", t, x[0], x)
}

// oneHotRows writes one row a class number.
func oneHotRows[T kernel.Float](rows, numbers []T, classes int) error {
	clear(rows)
	for i, t := range numbers {
		c := int(t)
		if T(c) != t || c < 0 || c >= classes {
			return fmt.Errorf("target of row %d is %v: want a whole number from 0 to %d", i, t, classes-1)
		}
		rows[i*classes+c] = 1
	}
	return nil
}
