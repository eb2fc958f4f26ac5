package ops_test

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
	"convgraph/ops/gradcheck"
)

func TestScaleGradient(t *testing.T) {
	x := tensor.New(tensor.WithShape(3, 4), tensor.WithBacking(tensor.Random(tensor.Float64, 12)))
	gradcheck.Test(t, []gradcheck.Input{{Name: "x", Value: x}}, func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		return ops.Scale(in[0], -0.75)
	}, gradcheck.Options{})
}
