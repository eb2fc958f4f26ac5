package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// GlobalAvgPool is the mean of each channel of each image (Lin et al. 2014, "Network in Network",
// section 3.2): x is (N, C, H, W), the result (N, C, 1, 1).
func GlobalAvgPool(x *G.Node) (*G.Node, error) {
	return apply("GlobalAvgPool", globalAvgPool[float32], globalAvgPool[float64], x)
}

// globalAvgPool: y[n,c] = 1/(H·W) · Σi x[n,c,i], so dx[n,c,i] = dy[n,c]/(H·W).
func globalAvgPool[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if err := checkImages(x); err != nil {
		return rule[T]{}, err
	}
	rows, plane := x[0]*x[1], x[2]*x[3]
	return rule[T]{
		output:  tensor.Shape{x[0], x[1], 1, 1},
		forward: func(in [][]T, y []T) { kernel.MeanRows(rows, plane, in[0], y) },
		vjps: []vjp[T]{transposed(x, tensor.Shape{x[0], x[1], 1, 1},
			func(v, out []T) { kernel.MeanRows(rows, plane, v, out) },
			func(v, out []T) { kernel.FillRows(rows, plane, v, 1/T(plane), out) })},
	}, nil
}
