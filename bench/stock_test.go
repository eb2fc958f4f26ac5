package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// BenchmarkStockTrainStep is a training step of gorgonia's own ops, tape machine and Adam:
// SimpleConvNet, batch 100, float32.
func BenchmarkStockTrainStep(b *testing.B) {
	b.Run("SimpleConvNet", func(b *testing.B) {
		cost, parameters := stockSimpleConvNet(b, 100)
		_, err := G.Grad(cost, parameters...)
		require.NoError(b, err)
		machine := G.NewTapeMachine(cost.Graph(), G.BindDualValues(parameters...))
		defer machine.Close()
		solver := G.NewAdamSolver(G.WithLearnRate(0.001))
		for b.Loop() {
			require.NoError(b, machine.RunAll())
			require.NoError(b, solver.Step(G.NodesToValueGrads(parameters)))
			machine.Reset()
		}
	})
}

func stockSimpleConvNet(b *testing.B, batch int) (cost *G.Node, parameters G.Nodes) {
	b.Helper()
	must := func(n *G.Node, err error) *G.Node {
		b.Helper()
		require.NoError(b, err)
		return n
	}
	g := G.NewGraph()
	leaf := func(name string, init G.InitWFn, shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithInit(init))
	}
	weight, bias := G.Gaussian(0, 0.01), G.Zeroes()
	x, target := leaf("x", G.Gaussian(0, 1), batch, 1, 28, 28), leaf("target", G.Zeroes(), batch, 10)
	labels := target.Value().Data().([]float32)
	for i := range batch {
		labels[i*10+i%10] = 1
	}
	w1, b1 := leaf("w1", weight, 30, 1, 5, 5), leaf("b1", bias, 1, 30, 1, 1)
	w2, b2 := leaf("w2", weight, 4320, 100), leaf("b2", bias, 1, 100)
	w3, b3 := leaf("w3", weight, 100, 10), leaf("b3", bias, 1, 10)

	h := must(G.Conv2d(x, w1, tensor.Shape{5, 5}, []int{0, 0}, []int{1, 1}, []int{1, 1}))
	h = must(G.Rectify(must(G.BroadcastAdd(h, b1, nil, []byte{0, 2, 3}))))
	h = must(G.MaxPool2D(h, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
	h = must(G.Reshape(h, tensor.Shape{batch, 4320}))
	h = must(G.Rectify(must(G.BroadcastAdd(must(G.Mul(h, w2)), b2, nil, []byte{0}))))
	h = must(G.BroadcastAdd(must(G.Mul(h, w3)), b3, nil, []byte{0}))
	p := must(G.SoftMax(h))
	cost = must(G.Neg(must(G.Mean(must(G.HadamardProd(must(G.Log(p)), target))))))
	return cost, G.Nodes{w1, b1, w2, b2, w3, b3}
}
