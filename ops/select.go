package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Select is the mean over the batch of one value of each sample, a scalar: of x (N, C, H, W) the one in the given channel at the given place
// of the plane, counted row by row; of x (N, C) the channel itself, at place 0. It is what a unit of a network answers; its gradient is what
// changes the answer.
func Select(x *G.Node, channel, place int) (*G.Node, error) {
	return apply("Select", selectValue[float32](channel, place), selectValue[float64](channel, place), x)
}

// selectValue: y = 1/N · Σn x[n, c, p], so dx[n, c, p] = dy/N, and 0 everywhere else.
func selectValue[T kernel.Float](channel, place int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if x.Dims() != 4 && x.Dims() != 2 || x.TotalSize() == 0 {
			return rule[T]{}, fmt.Errorf("input has shape %v: want (N, C, H, W) or (N, C)", x)
		}
		n, plane := x[0], x.TotalSize()/(x[0]*x[1])
		if channel < 0 || channel >= x[1] || place < 0 || place >= plane {
			return rule[T]{}, fmt.Errorf("channel is %d, place %d: input %v has channels 0 to %d, places 0 to %d", channel, place, x, x[1]-1, plane-1)
		}
		first, sample := channel*plane+place, x[1]*plane
		mean := func(x, y []T) {
			y[0] = 0
			for i := range n {
				y[0] += x[i*sample+first]
			}
			y[0] /= T(n)
		}
		return rule[T]{
			attributes: fmt.Sprintf("channel %d, place %d", channel, place),
			output:     tensor.ScalarShape(),
			forward:    func(in [][]T, y []T) error { mean(in[0], y); return nil },
			vjps: []vjp[T]{transposed("Select", x, tensor.ScalarShape(), mean, func(dy, dx []T) {
				clear(dx)
				for i := range n {
					dx[i*sample+first] = dy[0] / T(n)
				}
			})},
		}, nil
	}
}
