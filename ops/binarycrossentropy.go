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
	return rule[T]{
		output: tensor.ScalarShape(),
		split:  splits(func(p *Part) { part = p }),
		forward: func(in [][]T, loss []T) error {
			for i, t := range in[1] {
				if !(t >= 0 && t <= 1) {
					return fmt.Errorf(
						"target of row %d is %v at index %d: want 0 to 1", i/features(x), t, i%features(x),
					)
				}
			}
			loss[0] = kernel.BinaryCrossEntropy(part, &losses, x[0], in[0], in[1])
			return nil
		},
		vjps: []vjp[T]{
			{
				reads: []operand{0, 1},
				apply: func(saved [][]T, dloss, dx []T) error {
					kernel.BinaryCrossEntropyBackward(saved[0], saved[1], dloss[0]/T(elements()), dx)
					return nil
				},
				second: lossGradient[T]{
					"BinaryCrossEntropy", x,
					func(saved [][]T, scale T, out []T) {
						kernel.BinaryCrossEntropyBackward(saved[0], saved[1], scale/T(elements()), out)
					},
					func(saved [][]T, scale T, v, out []T) {
						scale /= T(elements())
						for i, at := range saved[0] {
							p := logistic(float64(at)) * logistic(-float64(at))
							out[i] = scale * T(p) * v[i]
						}
					},
				}.second(0),
			},
			{},
		},
	}, nil
}

// checkSameTarget wants a target for each element of x. what names x in errors.
func checkSameTarget(what string, x, target tensor.Shape) error {
	if x.Dims() < 1 || x.TotalSize() == 0 {
		return fmt.Errorf("%s have shape %v: want (N, …)", what, x)
	}
	if !slices.Equal(x, target) {
		return fmt.Errorf("target has shape %v: want %v like the %s", target, x, what)
	}
	return nil
}
