package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Normalize is y = (x - mean[c]) / deviation[c] for images x (N, C, H, W): what a network does to its input with the statistics of its
// training set. The numbers are constants, one for each channel; nothing learns them.
func Normalize(x *G.Node, mean, deviation []float64) (*G.Node, error) {
	return apply("Normalize", normalize[float32](mean, deviation), normalize[float64](mean, deviation), x)
}

// normalize: dx = dy / deviation[c].
func normalize[T kernel.Float](mean, deviation []float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if len(mean) != x[1] || len(deviation) != x[1] {
			return rule[T]{}, fmt.Errorf("%d means and %d deviations for input %v: want %d of each", len(mean), len(deviation), x, x[1])
		}
		m, scale := make([]T, x[1]), make([]T, x[1])
		for c := range m {
			if !(deviation[c] > 0) {
				return rule[T]{}, fmt.Errorf("deviation of channel %d is %g: want more than 0", c, deviation[c])
			}
			m[c], scale[c] = T(mean[c]), T(1/deviation[c])
			if !finite(float64(m[c]), float64(scale[c])) {
				return rule[T]{}, fmt.Errorf("mean %g and deviation %g of channel %d are out of range", mean[c], deviation[c], c)
			}
		}
		return rule[T]{
			output:  x,
			inPlace: true,
			forward: func(in [][]T, y []T) error { kernel.Normalize(x[0], x[1], x[2]*x[3], in[0], m, scale, y); return nil },
			vjps: []vjp[T]{multiplied("Normalize", x, func(v, out []T) {
				kernel.Normalize(x[0], x[1], x[2]*x[3], v, nil, scale, out)
			})},
		}, nil
	}
}
