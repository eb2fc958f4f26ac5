package ops

import (
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// GlobalMaxPool is the largest value of each channel of each image: x is (N, C, H, W), the result
// (N, C, 1, 1). Among equal values the first in row-major order gets the gradient.
func GlobalMaxPool(x *G.Node) (*G.Node, error) {
	return apply("GlobalMaxPool", globalMaxPool[float32], globalMaxPool[float64], x)
}

// globalMaxPool: y[n,c] = x[n,c,a] with a the index of the plane's largest value, so
// dx[n,c,a] = dy[n,c], and 0 elsewhere. The forward pass stores a.
func globalMaxPool[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if err := checkImages(x); err != nil {
		return rule[T]{}, err
	}
	rows, plane := x[0]*x[1], x[2]*x[3]
	at := sync.OnceValue(func() []int { return make([]int, rows) })
	output := tensor.Shape{x[0], x[1], 1, 1}
	dx := transposed(x, output,
		func(v, out []T) {
			for row, i := range at() {
				out[row] = v[row*plane+i]
			}
		},
		func(dy, dx []T) { kernel.MaxRowsBackward(rows, plane, dy, at(), dx) })
	dx.after = []operand{result} // the forward pass finds the indices
	return rule[T]{
		output:  output,
		forward: func(in [][]T, y []T) { kernel.MaxRows(rows, plane, in[0], y, at()) },
		vjps:    []vjp[T]{dx},
	}, nil
}
