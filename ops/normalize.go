package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Normalize is y = (x - mean[c]) / std[c] for images x (N, C, H, W), with constants for each
// channel: usually the mean and the standard std of the training set.
func Normalize(x *G.Node, mean, std []float64) (*G.Node, error) {
	return apply("Normalize", normalize[float32](mean, std), normalize[float64](mean, std), x)
}

// normalize: dx = dy / std[c].
func normalize[T kernel.Float](mean, std []float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if len(mean) != x[1] || len(std) != x[1] {
			return rule[T]{}, fmt.Errorf(
				"got %d means and %d stds for input %v, want %d of each", len(mean), len(std), x, x[1],
			)
		}
		m, scale := make([]T, x[1]), make([]T, x[1])
		for c := range m {
			if !(std[c] > 0) {
				return rule[T]{}, fmt.Errorf("std of channel %d: got %g, want more than 0", c, std[c])
			}
			m[c], scale[c] = T(mean[c]), T(1/std[c])
			if !finite(float64(m[c]), float64(scale[c])) {
				return rule[T]{}, fmt.Errorf(
					"mean and std of channel %d: got %g and %g, want numbers in the range of %v", c, mean[c], std[c],
					dtypeOf[T](),
				)
			}
		}
		return rule[T]{
			output:  x,
			inPlace: true,
			forward: func(in [][]T, y []T) {
				kernel.Normalize(x[0], x[1], x[2]*x[3], in[0], m, scale, y)
			},
			vjps: []vjp[T]{multiplied(x, func(v, out []T) {
				kernel.Normalize(x[0], x[1], x[2]*x[3], v, nil, scale, out)
			})},
		}, nil
	}
}
