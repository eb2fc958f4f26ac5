package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// BinaryCrossEntropy is the mean over all elements of -t·log p - (1-t)·log(1-p) with p =
// sigmoid(logits), a scalar: each output answers a yes-or-no question. Logits are (N, …); the
// target has their shape, elements from 0 to 1, and no gradient. Large logits don't overflow.
func BinaryCrossEntropy(logits, target *G.Node) (*G.Node, error) {
	return apply("BinaryCrossEntropy", binaryCrossEntropy[float32], binaryCrossEntropy[float64], logits, target)
}

// binaryCrossEntropy: with M elements, p = 1/(1+e^-x) and L = 1/M · Σ (log(1+e^x) - t·x),
//
//	∂L/∂x = (p - t) / M        ∂²L/∂x² = p·(1-p) / M
func binaryCrossEntropy[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if err := checkSameTarget("logits", x, in[1]); err != nil {
		return rule[T]{}, err
	}
	var part *Part
	var losses kernel.Whole[float64]
	elements := func() int { return part.Total(x[0]) * features(x) }
	dx := vjp[T]{
		reads: []operand{0, 1},
		apply: func(in [][]T, _, dL, dx []T) {
			kernel.BinaryCrossEntropyBackward(in[0], in[1], dL[0]/T(elements()), dx)
		},
	}.ofLoss(x, []operand{0}, func(in [][]T, dL T, u, out []T) {
		scale := dL / T(elements())
		for i, at := range in[0] {
			p := logistic(float64(at)) * logistic(-float64(at))
			out[i] = scale * T(p) * u[i]
		}
	})
	return rule[T]{
		output: tensor.ScalarShape(),
		split:  splits(func(p *Part) { part = p }),
		check: func(in [][]T) error {
			for i, t := range in[1] {
				if !(t >= 0 && t <= 1) {
					return fmt.Errorf(
						"target of row %d at index %d: got %v, want 0 to 1", i/features(x), i%features(x), t,
					)
				}
			}
			return nil
		},
		forward: func(in [][]T, loss []T) {
			loss[0] = kernel.BinaryCrossEntropy(part, &losses, x[0], in[0], in[1])
		},
		vjps: []vjp[T]{dx, {}},
	}, nil
}

// checkSameTarget wants a target for each element of x. what names x in errors.
func checkSameTarget(what string, x, target tensor.Shape) error {
	if x.Dims() < 1 || x.TotalSize() == 0 {
		return fmt.Errorf("%s: got shape %v, want (N, …)", what, x)
	}
	if !slices.Equal(x, target) {
		return fmt.Errorf("target: got shape %v, want %v like the %s", target, x, what)
	}
	return nil
}
