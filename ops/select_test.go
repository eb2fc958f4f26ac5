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
		for channel := range shape[1] {
			x := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(tensor.Random(tensor.Float64, shape.TotalSize())))
			gradcheck.Test(t, []gradcheck.Input{{Name: "x", Value: x}}, func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Select(in[0], channel)
			}, gradcheck.Options{})
		}
	}
}

func TestSelectRefuses(t *testing.T) {
	g := G.NewGraph()
	images := G.NewTensor(g, tensor.Float64, 4, G.WithShape(1, 2, 3, 3), G.WithName("images"))
	for _, channel := range []int{-1, 2} {
		_, err := ops.Select(images, channel)
		require.EqualError(t, err, fmt.Sprintf("Select: channel is %d: input (1, 2, 3, 3) has 0 to 1", channel))
	}
	_, err := ops.Select(G.NewTensor(g, tensor.Float64, 3, G.WithShape(1, 2, 3), G.WithName("x")), 0)
	require.EqualError(t, err, "Select: input has shape (1, 2, 3): want (N, C, H, W) or (N, C)")
}

// The mean of the second channel, and what each value of the image adds to it.
func ExampleSelect() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 3}, 1, 2, 3, 4, 5, 9)
	y := G.Must(ops.Select(x, 1))
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
	// y  6
	// dx [0 0 0 0.3333 0.3333 0.3333]
}
