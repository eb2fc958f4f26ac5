package ops

import (
	"fmt"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// SoftmaxCrossEntropy is the mean over the batch of -Σc t[c]·log softmax(x)[c], a scalar. The
// logits x are (N, classes). The target is (N), the class of each row as a whole number from 0, or
// (N, classes), a distribution in each row: numbers of at least 0 that sum to 1 (to 1e-3). It has
// no gradient. Large logits don't overflow, because the loss is a log-sum-exp.
func SoftmaxCrossEntropy(x, target *G.Node) (*G.Node, error) {
	return apply("SoftmaxCrossEntropy", crossEntropy[float32], crossEntropy[float64], x, target)
}

// crossEntropy: each row of the target sums to 1, so with p = softmax(x) and
// L = 1/N · Σn (log Σk e^x[k] - Σc t[c]·x[c]),
//
//	∂L/∂x[c] = (p[c] - t[c]) / N        ∂²L/∂x[c]∂x[k] = p[c]·(1[c=k] - p[k]) / N
//
// The check stores the target's rows for both, and the forward pass p. The gradient also comes
// after x, which it doesn't read: the second derivatives are with respect to x.
func crossEntropy[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, t := in[0], in[1]
	if err := checkTarget(x, t); err != nil {
		return rule[T]{}, err
	}
	n, classes := x[0], x[1]
	fill := oneHotRows[T]
	if t.Dims() == 2 {
		fill = distributionRows[T]
	}
	p := sync.OnceValue(func() []T { return make([]T, n*classes) })
	rows := sync.OnceValue(func() []T { return make([]T, n*classes) })
	var part *Part
	var losses kernel.Whole[float64]
	dx := vjp[T]{
		after: []operand{result, 0},
		apply: func(_ [][]T, _, dL, dx []T) {
			kernel.CrossEntropyBackward(n, classes, p(), rows(), dL[0]/T(part.Total(n)), dx)
		},
	}.ofLoss(x, nil, func(_ [][]T, dL T, u, out []T) {
		kernel.SoftmaxBackward(n, classes, p(), u, out)
		for i := range out {
			out[i] *= dL / T(part.Total(n))
		}
	})
	return rule[T]{
		output: tensor.ScalarShape(),
		split:  splits(func(p *Part) { part = p }),
		check:  func(in [][]T) error { return fill(rows(), in[1], classes) },
		forward: func(in [][]T, loss []T) {
			loss[0] = kernel.CrossEntropy(part, &losses, n, classes, in[0], rows(), p())
		},
		vjps: []vjp[T]{dx, {}},
	}, nil
}

func checkTarget(x, t tensor.Shape) error {
	if x.Dims() != 2 || x.TotalSize() == 0 {
		return fmt.Errorf("logits: got shape %v, want (N, classes)", x)
	}
	if t.Dims() == 1 && t[0] == x[0] {
		return nil
	}
	if t.Dims() == 2 && t.Eq(x) {
		return nil
	}
	return fmt.Errorf("target: got shape %v, want (%d), class numbers, or %v, distributions", t, x[0], x)
}

// oneHotRows writes a row for each class number.
func oneHotRows[T kernel.Float](rows, numbers []T, classes int) error {
	clear(rows)
	for i, t := range numbers {
		c := int(t)
		if T(c) != t || c < 0 || c >= classes {
			return fmt.Errorf("target of row %d: got %v, want a whole number from 0 to %d", i, t, classes-1)
		}
		rows[i*classes+c] = 1
	}
	return nil
}

// sumTolerance is how far the sum of a distribution may be from 1, for the rounding of many
// classes.
const sumTolerance = 1e-3

// distributionRows copies the target's rows. It refuses numbers that are negative or not finite,
// and rows that don't sum to 1.
func distributionRows[T kernel.Float](rows, target []T, classes int) error {
	for at := 0; at < len(target); at += classes {
		sum := 0.0
		for c, t := range target[at : at+classes] {
			if !(t >= 0) || !finite(float64(t)) {
				return fmt.Errorf(
					"target of row %d for class %d: got %v, want a finite number of at least 0", at/classes, c, t,
				)
			}
			sum += float64(t)
		}
		if !(math.Abs(sum-1) <= sumTolerance) {
			return fmt.Errorf("target of row %d: got a sum of %.6g, want 1", at/classes, sum)
		}
	}
	copy(rows, target)
	return nil
}
