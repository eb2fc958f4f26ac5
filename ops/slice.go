package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Slice returns the channels from, from+1, …, to-1 of x, which is (N, C, H, W) or (N, C).
func Slice(x *G.Node, from, to int) (*G.Node, error) {
	return apply("Slice", channelSlice[float32](from, to), channelSlice[float64](from, to), x)
}

// channelSlice: y[n,c] = x[n, from+c], so dx[n, from+c] = dy[n,c], and 0 in the other channels.
func channelSlice[T kernel.Float](from, to int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkChannels("input", x); err != nil {
			return rule[T]{}, err
		}
		if from < 0 || to > x[1] || from >= to {
			return rule[T]{}, fmt.Errorf(
				"channels: got %d to %d of input %v, want 0 <= from < to <= %d", from, to, x, x[1],
			)
		}
		plane := planeSize(x)
		size := (to - from) * plane
		part := kernel.NewCopy[T](x[0], size, every(x[1]*plane, from*plane), every(size, 0))
		back := part.Reversed()
		return rule[T]{
			attributes: fmt.Sprintf("channels %d to %d", from, to),
			output:     withChannels(x, to-from),
			forward:    func(in [][]T, y []T) { part.Run(in[0], y) },
			vjps: []vjp[T]{transposed(x, withChannels(x, to-from),
				part.Run, func(v, out []T) { clear(out); back.Run(v, out) })},
		}, nil
	}
}
