package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Select is the mean of one channel, a scalar: of x (N, C, H, W) over the batch and the plane, of x (N, C) over the batch. It is what a
// unit of a network answers; its gradient is what changes the answer.
func Select(x *G.Node, channel int) (*G.Node, error) {
	return apply("Select", selectChannel[float32](channel), selectChannel[float64](channel), x)
}

// selectChannel: y = 1/(N·P) · Σn Σp x[n, c, p] for planes of P values, so dx[n, c, p] = dy/(N·P), and 0 in every other channel.
func selectChannel[T kernel.Float](channel int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if x.Dims() != 4 && x.Dims() != 2 || x.TotalSize() == 0 {
			return rule[T]{}, fmt.Errorf("input has shape %v: want (N, C, H, W) or (N, C)", x)
		}
		if channel < 0 || channel >= x[1] {
			return rule[T]{}, fmt.Errorf("channel is %d: input %v has 0 to %d", channel, x, x[1]-1)
		}
		n, plane := x[0], x.TotalSize()/(x[0]*x[1])
		of := func(x []T, i int) []T { return x[i*len(x)/n+channel*plane:][:plane] }
		return rule[T]{
			attributes: fmt.Sprintf("channel %d", channel),
			output:     tensor.ScalarShape(),
			forward: func(in [][]T, y []T) error {
				sum := 0.0 // in float64, so that a large plane of float32 loses nothing
				for i := range n {
					for _, v := range of(in[0], i) {
						sum += float64(v)
					}
				}
				y[0] = T(sum / float64(n*plane))
				return nil
			},
			vjps: []vjp[T]{{apply: func(_ [][]T, dy, dx []T) error {
				clear(dx)
				share := dy[0] / T(n*plane)
				for i := range n {
					row := of(dx, i)
					for j := range row {
						row[j] = share
					}
				}
				return nil
			}}},
		}, nil
	}
}
