package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// MeanSquaredError is the mean over all elements of (x - target)², a scalar. x is (N, …); the
// target has the same shape, and no gradient.
func MeanSquaredError(x, target *G.Node) (*G.Node, error) {
	return apply("MeanSquaredError", meanSquaredError[float32], meanSquaredError[float64], x, target)
}

// meanSquaredError: with M elements, L = 1/M · Σ (x - t)², so ∂L/∂x = 2·(x - t) / M, and the second
// derivative is 2/M.
func meanSquaredError[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if err := checkSameTarget("predictions", x, in[1]); err != nil {
		return rule[T]{}, err
	}
	var part *Part
	var losses kernel.Whole[float64]
	elements := func() int { return part.Total(x[0]) * features(x) }
	dx := vjp[T]{
		reads: []operand{0, 1},
		apply: func(in [][]T, _, dL, dx []T) {
			kernel.ScaledDifference(in[0], in[1], 2*dL[0]/T(elements()), dx)
		},
	}.ofLoss(x, nil, func(_ [][]T, dL T, u, out []T) {
		for i, d := range u {
			out[i] = 2 * dL / T(elements()) * d
		}
	})
	return rule[T]{
		output: tensor.ScalarShape(),
		split:  splits(func(p *Part) { part = p }),
		check: func(in [][]T) error {
			for i, t := range in[1] {
				if !finite(float64(t)) {
					return fmt.Errorf(
						"target of row %d at index %d: got %v, want a finite number", i/features(x), i%features(x), t,
					)
				}
			}
			return nil
		},
		forward: func(in [][]T, loss []T) {
			loss[0] = kernel.MeanSquaredError(part, &losses, x[0], in[0], in[1])
		},
		vjps: []vjp[T]{dx, {}},
	}, nil
}
