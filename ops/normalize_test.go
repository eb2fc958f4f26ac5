package ops_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
	"convgraph/ops/gradcheck"
)

func TestNormalizeGradient(t *testing.T) {
	x := tensor.New(tensor.WithShape(2, 3, 2, 2), tensor.WithBacking(tensor.Random(tensor.Float64, 24)))
	gradcheck.Test(t, []gradcheck.Input{{Name: "x", Value: x}}, func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		return ops.Normalize(in[0], []float64{0.1, 0.2, 0.3}, []float64{0.5, 1, 2})
	}, gradcheck.Options{})
}

func TestNormalizeRefuses(t *testing.T) {
	x := G.NewTensor(G.NewGraph(), tensor.Float64, 4, G.WithShape(1, 2, 3, 3), G.WithName("x"))
	_, err := ops.Normalize(x, []float64{0}, []float64{1})
	require.EqualError(t, err, "Normalize: got 1 means and 1 stds for input (1, 2, 3, 3), want 2 of each")
	_, err = ops.Normalize(x, []float64{0, 0}, []float64{1, 0})
	require.EqualError(t, err, "Normalize: std of channel 1: got 0, want more than 0")
}
