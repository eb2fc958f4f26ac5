package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Multiply is y = x·gate. Either the gate has the shape of x and multiplies element by element, or
// x is (N, C, H, W) and the gate (N, C) or (N, C, 1, 1), a factor for each channel of each image,
// as in squeeze-and-excitation (Hu et al. 2018, equation 4).
func Multiply(x, gate *G.Node) (*G.Node, error) {
	return apply("Multiply", product[float32], product[float64], x, gate)
}

// product: y = x·g, so dx = g·dy and dg = x·dy.
func product[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, gate := in[0], in[1]
	if !slices.Equal(x, gate) {
		return channelProduct[T](x, gate)
	}
	multiply := kernel.Multiply[T]
	dx, dg := bilinear(x, gate, x, multiply, multiply, multiply) // x·g, g·dy, x·dy
	dx.inPlace, dg.inPlace = true, true
	return rule[T]{
		output:      x,
		inPlace:     true,
		alsoInPlace: []int{1},
		forward:     func(in [][]T, y []T) { multiply(in[0], in[1], y) },
		vjps:        []vjp[T]{dx, dg},
	}, nil
}

// channelProduct: y[n,c,i] = x[n,c,i]·g[n,c] for each i of the plane, so
//
//	dx[n,c,i] = dy[n,c,i]·g[n,c]
//	dg[n,c]   = Σi dy[n,c,i]·x[n,c,i]
func channelProduct[T kernel.Float](x, gate tensor.Shape) (rule[T], error) {
	if err := checkGate(x, gate); err != nil {
		return rule[T]{}, err
	}
	rows, plane := x[0]*x[1], x[2]*x[3]
	multiply := func(x, g, y []T) { kernel.ScaleRows(rows, plane, x, g, y) }
	dx, dg := bilinear(x, gate, x, multiply,
		func(g, dy, dx []T) { kernel.ScaleRows(rows, plane, dy, g, dx) },
		func(x, dy, dg []T) { kernel.DotRows(rows, plane, x, dy, dg) })
	dx.inPlace = true
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) { multiply(in[0], in[1], y) },
		vjps:    []vjp[T]{dx, dg},
	}, nil
}

func checkGate(x, gate tensor.Shape) error {
	if x.Dims() != 4 || x.TotalSize() == 0 {
		return fmt.Errorf("gate: got shape %v for input %v, want one shape, or an input (N, C, H, W)", gate, x)
	}
	perChannel := tensor.Shape{x[0], x[1]}
	if slices.Equal(gate, perChannel) || slices.Equal(gate, tensor.Shape{x[0], x[1], 1, 1}) {
		return nil
	}
	return fmt.Errorf(
		"gate: got shape %v, want %v like the input, or %v or (%d, %d, 1, 1), a factor for each channel",
		gate, x, perChannel, x[0], x[1],
	)
}
