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

// product: y = x·g, so dx = dy·g and dg = dy·x.
func product[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x, gate := in[0], in[1]
	if !slices.Equal(x, gate) {
		return channelProduct[T](x, gate)
	}
	// Both gradients are the same function of the other factor.
	byOther := func(saved [][]T, dy, dx []T) error { kernel.Multiply(dy, saved[0], dx); return nil }
	f := form[T]{name: "Multiply", slots: []tensor.Shape{x, x, x}, partials: []partial[T]{ // Σ x·g·dy
		func(in, _ [][]T, out []T) error { kernel.Multiply(in[1], in[2], out); return nil },
		func(in, _ [][]T, out []T) error { kernel.Multiply(in[0], in[2], out); return nil },
		func(in, _ [][]T, out []T) error { kernel.Multiply(in[0], in[1], out); return nil },
	}}
	return rule[T]{
		output:      x,
		inPlace:     true,
		alsoInPlace: []int{1},
		forward:     func(in [][]T, y []T) error { kernel.Multiply(in[0], in[1], y); return nil },
		vjps: []vjp[T]{
			{reads: []operand{1}, inPlace: true, apply: byOther, second: f.second(0, 2, 1)},
			{reads: []operand{0}, inPlace: true, apply: byOther, second: f.second(1, 2, 0)},
		},
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
	f := form[T]{name: "Multiply", slots: []tensor.Shape{x, gate, x}, partials: []partial[T]{ // Σ x·g·dy
		func(in, _ [][]T, dx []T) error { kernel.ScaleRows(rows, plane, in[2], in[1], dx); return nil },
		func(in, _ [][]T, dgate []T) error { kernel.DotRows(rows, plane, in[0], in[2], dgate); return nil },
		func(in, _ [][]T, y []T) error { kernel.ScaleRows(rows, plane, in[0], in[1], y); return nil },
	}}
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) error { kernel.ScaleRows(rows, plane, in[0], in[1], y); return nil },
		vjps: []vjp[T]{
			{reads: []operand{1}, inPlace: true, apply: func(saved [][]T, dy, dx []T) error {
				kernel.ScaleRows(rows, plane, dy, saved[0], dx)
				return nil
			}, second: f.second(0, 2, 1)},
			{reads: []operand{0}, apply: func(saved [][]T, dy, dgate []T) error {
				kernel.DotRows(rows, plane, saved[0], dy, dgate)
				return nil
			}, second: f.second(1, 2, 0)},
		},
	}, nil
}

func checkGate(x, gate tensor.Shape) error {
	if x.Dims() != 4 || x.TotalSize() == 0 {
		return fmt.Errorf("gate has shape %v, input has %v: want one shape, or an input (N, C, H, W)", gate, x)
	}
	perChannel := tensor.Shape{x[0], x[1]}
	if slices.Equal(gate, perChannel) || slices.Equal(gate, tensor.Shape{x[0], x[1], 1, 1}) {
		return nil
	}
	return fmt.Errorf(
		"gate has shape %v: want %v like the input, or %v or (%d, %d, 1, 1), a factor for each channel",
		gate, x, perChannel, x[0], x[1],
	)
}
