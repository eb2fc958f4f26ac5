package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Take returns the slices of x (N, …) at the listed indices of an axis, in that order. An index may
// be listed several times. Axis 1 is the channels. It can crop, reverse, repeat the border, or take
// every second row.
func Take(x *G.Node, axis int, indices []int) (*G.Node, error) {
	return apply("Take", take[float32](axis, indices), take[float64](axis, indices), x)
}

// take: y[…, k, …] = x[…, i[k], …], so dx[…, j, …] = Σ dy[…, k, …] over all k with i[k] = j.
func take[T kernel.Float](axis int, indices []int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if axis < 1 || axis >= x.Dims() || x.TotalSize() == 0 || len(indices) == 0 {
			return rule[T]{}, fmt.Errorf(
				"axis: got %d with %d indices for input %v, want an axis from 1 to %d and an index",
				axis, len(indices), x, x.Dims()-1,
			)
		}
		for _, i := range indices {
			if i < 0 || i >= x[axis] {
				return rule[T]{}, fmt.Errorf("index on axis %d of %v: got %d, want 0 to %d", axis, x, i, x[axis]-1)
			}
		}
		size, taken := tensor.Shape(x[axis+1:]).TotalSize(), len(indices)
		rows := x.TotalSize() / (x[axis] * size)
		from := func(i int) int { return (i/taken*x[axis] + indices[i%taken]) * size }
		slices := kernel.NewCopy[T](rows*taken, size, from, every(size, 0))
		output := x.Clone()
		output[axis] = taken
		return rule[T]{
			attributes: fmt.Sprintf("%d of axis %d", taken, axis),
			output:     output,
			forward:    func(in [][]T, y []T) { slices.Run(in[0], y) },
			vjps: []vjp[T]{transposed(x, output, slices.Run, func(dy, dx []T) {
				clear(dx)
				for i := range rows * taken {
					to := dx[from(i):][:size]
					kernel.Add(to, dy[i*size:][:size], to)
				}
			})},
		}, nil
	}
}
