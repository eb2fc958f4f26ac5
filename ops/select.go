package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Select is the mean over the batch of one value of each sample, a scalar: for x (N, C, H, W) the
// value of the given channel at a row-major index of its plane; for x (N, C) the channel itself, at
// index 0. Its gradient shows which inputs change the activation of one unit.
func Select(x *G.Node, channel, index int) (*G.Node, error) {
	return apply("Select", selectValue[float32](channel, index), selectValue[float64](channel, index), x)
}

// selectValue: y = 1/N · Σn x[n, c, p], so dx[n, c, p] = dy/N, and 0 everywhere else.
func selectValue[T kernel.Float](channel, index int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if x.Dims() != 4 && x.Dims() != 2 || x.TotalSize() == 0 {
			return rule[T]{}, fmt.Errorf("input: got shape %v, want (N, C, H, W) or (N, C)", x)
		}
		n, plane := x[0], x.TotalSize()/(x[0]*x[1])
		if channel < 0 || channel >= x[1] || index < 0 || index >= plane {
			return rule[T]{}, fmt.Errorf(
				"got channel %d, index %d, want channels 0 to %d, indices 0 to %d of input %v",
				channel, index, x[1]-1, plane-1, x,
			)
		}
		first, sample := channel*plane+index, x[1]*plane
		mean := func(x, y []T) {
			y[0] = 0
			for i := range n {
				y[0] += x[i*sample+first]
			}
			y[0] /= T(n)
		}
		return rule[T]{
			attributes: fmt.Sprintf("channel %d, index %d", channel, index),
			output:     tensor.ScalarShape(),
			forward:    func(in [][]T, y []T) { mean(in[0], y) },
			vjps: []vjp[T]{transposed(x, tensor.ScalarShape(), mean, func(dy, dx []T) {
				clear(dx)
				for i := range n {
					dx[i*sample+first] = dy[0] / T(n)
				}
			})},
		}, nil
	}
}
