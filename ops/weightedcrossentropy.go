package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// WeightedCrossEntropy is the mean over the batch of -Σc t[c]·log softmax(x)[c], a scalar, for
// targets (N, classes) of numbers of at least 0 that needn't sum to 1: a distribution times the
// weights of the classes, for example, so that rare classes count as much as others. The target has
// no gradient. [SoftmaxCrossEntropy] is for targets without weights.
func WeightedCrossEntropy(x, target *G.Node) (*G.Node, error) {
	return apply("WeightedCrossEntropy", weightedCrossEntropy[float32], weightedCrossEntropy[float64], x, target)
}

// weightedCrossEntropy: with p = softmax(x), the sum s of a row of the target, and
// L = 1/N · Σn (s·log Σk e^x[k] - Σc t[c]·x[c]),
//
//	∂L/∂x[c] = (s·p[c] - t[c]) / N        ∂²L/∂x[c]∂x[k] = s·p[c]·(1[c=k] - p[k]) / N
//
// The check stores s and the target for both, the forward pass p and s·p. Both also come after x.
func weightedCrossEntropy[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, t := in[0], in[1]
	if x.Dims() != 2 || x.TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("logits: got shape %v, want (N, classes)", x)
	}
	if !t.Eq(x) {
		return rule[T]{}, fmt.Errorf("target: got shape %v, want %v, the classes' weights in each row", t, x)
	}
	n, classes := x[0], x[1]
	w := sync.OnceValue(func() *weightedSoftmax[T] {
		return &weightedSoftmax[T]{make([]T, n*classes), make([]T, n*classes), make([]T, n*classes), make([]T, n)}
	})
	var part *Part
	var losses kernel.Whole[float64]
	dx := vjp[T]{
		after: []operand{result, 0},
		apply: func(_ [][]T, _, dL, dx []T) {
			kernel.CrossEntropyBackward(n, classes, w().scaled, w().target, dL[0]/T(part.Total(n)), dx)
		},
	}.ofLoss(x, nil, func(_ [][]T, dL T, u, out []T) {
		kernel.SoftmaxBackward(n, classes, w().p, u, out)
		scaleRows(out, out, w().sums)
		for i := range out {
			out[i] *= dL / T(part.Total(n))
		}
	})
	return rule[T]{
		output: tensor.ScalarShape(),
		split:  splits(func(p *Part) { part = p }),
		check:  func(in [][]T) error { return w().weigh(in[1], classes) },
		forward: func(in [][]T, loss []T) {
			loss[0] = kernel.CrossEntropy(part, &losses, n, classes, in[0], w().target, w().p)
			scaleRows(w().scaled, w().p, w().sums)
		},
		vjps: []vjp[T]{dx, {}},
	}, nil
}

// weightedSoftmax is what the check and the forward pass store.
type weightedSoftmax[T kernel.Float] struct{ p, scaled, target, sums []T }

// weigh copies the target and sums its rows. It refuses weights that are negative or not finite.
func (w *weightedSoftmax[T]) weigh(target []T, classes int) error {
	for row := range w.sums {
		sum := 0.0
		for c, t := range target[row*classes:][:classes] {
			if !(t >= 0) || !finite(float64(t)) {
				return fmt.Errorf(
					"target of row %d for class %d: got %v, want a finite number of at least 0", row, c, t,
				)
			}
			sum += float64(t)
		}
		w.sums[row] = T(sum)
	}
	copy(w.target, target)
	return nil
}

// scaleRows multiplies each row of src by its factor.
func scaleRows[T kernel.Float](dst, src, factors []T) {
	classes := len(src) / len(factors)
	for row, f := range factors {
		for i := row * classes; i < (row+1)*classes; i++ {
			dst[i] = f * src[i]
		}
	}
}
