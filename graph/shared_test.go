package graph_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// smallNet has the layers of SimpleConvNet.
func smallNet() *graph.Spec {
	return graph.Sequential("small", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 3, Kernel: graph.Square(3)}, graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 7}, graph.ReLU{}, graph.Affine{Units: 4}, graph.Softmax{})
}

// mixedNet has every kind of layer, with whatever makes it less than regular: groups, partial
// connections, strides, dilation, padding, overlapping windows.
func mixedNet() *graph.Spec {
	return graph.Sequential("mixed", tensor.Shape{2, 9, 10}, graph.Xavier(),
		graph.Normalize{Mean: []float64{0.5, 0.4}, Std: []float64{0.3, 0.5}},
		graph.Conv2D{Filters: 4, Kernel: graph.Pair{3, 2}, Pad: graph.Pair{1, 0}, Groups: 2, Bias: 0.1},
		graph.Tanh{A: 1.7159, B: 2. / 3},
		graph.LRN{Size: 3, K: 2, Alpha: 0.3, Beta: 0.75},
		graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Pair{1, 2}, Pad: graph.Square(1)},
		graph.Conv2D{Filters: 3, Kernel: graph.Square(2), Dilation: graph.Square(2), Stride: graph.Pair{2, 1},
			Connections: [][]int{{0, 1, 3}, {2}, {1, 2}}},
		graph.ReLU{}, graph.Subsample{Kernel: graph.Pair{2, 1}}, graph.Sigmoid{},
		graph.AvgPool{Kernel: graph.Square(2), Stride: graph.Square(1), Pad: graph.Square(1)},
		graph.Dropout{Rate: 0.5}, graph.Dropout{Rate: 0.25, Classic: true}, graph.Flatten{}, graph.Affine{Units: 5},
		graph.Softmax{})
}

// newModel returns a model of nodes whose parameters have no values yet.
func newModel(t testing.TB, spec *graph.Spec, options ...graph.Option) *graph.Model {
	t.Helper()
	m, err := graph.New(spec, options...)
	require.NoError(t, err)
	return m
}

// images are n images with values from 0 to 1, the same for the same n and, as far as they go, for
// a larger one.
func images(m *graph.Model, n int) *tensor.Dense {
	r := rand.New(rand.NewPCG(7, 7))
	x := tensor.New(tensor.Of(m.Dtype()), tensor.WithShape(append(tensor.Shape{n}, m.Spec().Input...)...))
	for i := range x.Shape().TotalSize() {
		set(x, i, r.Float64())
	}
	return x
}

// labels are class numbers for n images.
func labels(m *graph.Model, n int) *tensor.Dense {
	t := tensor.New(tensor.Of(m.Dtype()), tensor.WithShape(n))
	for i := range n {
		set(t, i, float64(i*i%m.Classes()))
	}
	return t
}

func set(d *tensor.Dense, i int, v float64) {
	if d.Dtype() == tensor.Float64 {
		d.Float64s()[i] = v
		return
	}
	d.Float32s()[i] = float32(v)
}
