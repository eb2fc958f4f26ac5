package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// manyReaders is a network in which one value has five readers, through chains of different
// lengths, some of them fused.
func manyReaders() *Spec {
	conv := func() Part { return Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)} }
	pool := MaxPool{Kernel: Square(3), Stride: Square(1), Pad: Square(1)}
	return Sequential("readers", tensor.Shape{4, 6, 5}, He(), conv(), Tanh{},
		Branches(Concat{},
			Serial(conv(), ReLU{}, pool, conv(), ReLU{}, pool, Tanh{}),
			Serial(),
			Serial(Sigmoid{}, conv(), ReLU{}),
			Serial(conv(), Softplus{}),
			Serial(conv(), ReLU{}, conv(), ReLU{}, pool)),
		Affine{Units: 3}, Softmax{})
}

// TestForksSumInTheOrderOfTheReaders checks the order of the terms in the sum of a value's
// gradients.
func TestForksSumInTheOrderOfTheReaders(t *testing.T) {
	for _, options := range [][]Option{nil, {WithoutFusion()}} {
		m, err := New(manyReaders(), options...)
		require.NoError(t, err)
		s := filledStep(t, m, 2, stepConfig{})
		order, err := tapeOrder(s.net.graph.ExactSubgraphRoots(s.net.outputs()...))
		require.NoError(t, err)
		sums := 0
		for _, n := range order {
			if info, ours := ops.Describe(n.Op()); !ours || info.Name != "Add" {
				continue
			}
			sums++
			terms := children(n)
			require.Len(t, terms, 5)
			for i := range terms[1:] {
				require.Less(t, readerOf(terms[i]), readerOf(terms[i+1]))
			}
		}
		require.Equal(t, 1, sums)
	}
	requireSameSteps(t, manyReaders(), tensor.Float32)
}
