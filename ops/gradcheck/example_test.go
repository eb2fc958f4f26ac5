package gradcheck_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops/gradcheck"
)

// The gradient of Σ tanh(x·w) with respect to both.
func ExampleCheck() {
	x := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{0.1, -0.4, 0.2, 0.7, 0.3, -0.5}))
	w := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float64{0.3, 0.8, -0.2, 0.4, 0.6, -0.1}))
	report, err := gradcheck.Check(
		[]gradcheck.Input{{Name: "x", Value: x}, {Name: "w", Value: w}},
		func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			product, err := G.Mul(in[0], in[1])
			if err != nil {
				return nil, err
			}
			y, err := G.Tanh(product)
			if err != nil {
				return nil, err
			}
			return G.Sum(y)
		},
		gradcheck.Options{},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, in := range report.Inputs {
		fmt.Printf("%s: %d elements, worst error below 1e-9: %t\n", in.Name, in.Compared, in.Worst.Error < 1e-9)
	}
	fmt.Println(report.Err())
	// Output:
	// x: 6 elements, worst error below 1e-9: true
	// w: 6 elements, worst error below 1e-9: true
	// <nil>
}

// A loss in plain Go, x², with a gradient that lacks the factor 2.
func ExampleFunc_Check() {
	x := tensor.New(tensor.WithShape(2), tensor.WithBacking([]float64{3, 0.5}))
	f := gradcheck.Func{
		Inputs: []gradcheck.Input{{Name: "x", Value: x}},
		Loss: func() (float64, error) {
			v := x.Float64s()
			return v[0]*v[0] + v[1]*v[1], nil
		},
		Gradients: func() ([]*tensor.Dense, error) { return []*tensor.Dense{x}, nil },
	}
	report, err := f.Check(gradcheck.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Err())
	// Output:
	// gradcheck: "x": gradient 3, numerical 6 at [0]: relative error 0.5, want at most 1e-06
}
