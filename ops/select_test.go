package ops_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
	"convgraph/ops/gradcheck"
)

func TestSelectGradient(t *testing.T) {
	for _, shape := range []tensor.Shape{{2, 3, 2, 4}, {1, 1, 3, 3}, {3, 4}, {1, 2}} {
		for i := range shape[1:].TotalSize() {
			plane := shape.TotalSize() / (shape[0] * shape[1])
			x := tensor.New(tensor.WithShape(shape...),
				tensor.WithBacking(tensor.Random(tensor.Float64, shape.TotalSize())))
			gradcheck.Test(t, []gradcheck.Input{{Name: "x", Value: x}},
				func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.Select(in[0], i/plane, i%plane)
				}, gradcheck.Options{})
		}
	}
}

func TestSelectRefuses(t *testing.T) {
	g := G.NewGraph()
	images := G.NewTensor(g, tensor.Float64, 4, G.WithShape(1, 2, 3, 3), G.WithName("images"))
	for _, at := range [][2]int{{-1, 0}, {2, 0}, {0, -1}, {0, 9}} {
		_, err := ops.Select(images, at[0], at[1])
		require.EqualError(t, err, fmt.Sprintf(
			"Select: got channel %d, index %d, want channels 0 to 1, indices 0 to 8 of input (1, 2, 3, 3)",
			at[0], at[1],
		))
	}
	_, err := ops.Select(G.NewTensor(g, tensor.Float64, 3, G.WithShape(1, 2, 3), G.WithName("x")), 0, 0)
	require.EqualError(t, err, "Select: input: got shape (1, 2, 3), want (N, C, H, W) or (N, C)")
}

// The last value of the second channel, in the mean of two images.
func ExampleSelect() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 2, 1, 2}, 1, 2, 3, 4, 5, 6, 7, 9)
	y := G.Must(ops.Select(x, 1, 1))
	dx, err := G.Grad(y, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("y ", y.Value())
	fmt.Printf("dx %.4g\n", dx[0].Value().Data())
	// Output:
	// y  6.5
	// dx [0 0 0 0.5 0 0 0 0.5]
}
