package graph_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// branchedForPullback has a fork and a join, so gradients of two readers meet.
func branchedForPullback(t *testing.T) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("branched", tensor.Shape{2, 5, 5}, graph.He(),
		graph.Conv2D{Name: "conv", Filters: 3, Kernel: graph.Square(3), Pad: graph.Square(1)},
		graph.Sigmoid{Name: "sig"},
		graph.Residual(graph.Conv2D{Name: "inner", Filters: 3, Kernel: graph.Square(3), Pad: graph.Square(1)}),
		graph.Affine{Name: "fc", Units: 4}, graph.Softmax{},
	), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	return m
}

func randomDense(r *rand.Rand, shape ...int) *tensor.Dense {
	values := make([]float64, tensor.Shape(shape).TotalSize())
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
}

// TestPullback compares every gradient with central differences of the weighted sum.
func TestPullback(t *testing.T) {
	m, r := branchedForPullback(t), rand.New(rand.NewPCG(1, 2))
	x := randomDense(r, 2, 2, 5, 5)
	p, err := m.NewPullback(2, "fc", "sig")
	require.NoError(t, err)
	defer p.Close()
	w := randomDense(r, 2, 4)
	copy(p.Weights().Float64s(), w.Float64s())
	sum := func() (s float64) {
		y, err := m.Predict(x)
		require.NoError(t, err)
		for i, v := range y.Float64s() {
			s += v * w.Float64s()[i]
		}
		return s
	}
	values, gradient, err := p.Run(x)
	require.NoError(t, err)
	want, err := m.Predict(x)
	require.NoError(t, err)
	assert.InDeltaSlice(t, want.Float64s(), values.Float64s(), 1e-12)
	require.Equal(t, x.Shape(), gradient.Shape())
	const h = 1e-5
	for i := range x.Float64s() {
		was := x.Float64s()[i]
		x.Float64s()[i] = was + h
		up := sum()
		x.Float64s()[i] = was - h
		down := sum()
		x.Float64s()[i] = was
		assert.InDelta(t, (up-down)/(2*h), gradient.Float64s()[i], 1e-7, "pixel %d", i)
	}

	// The gradient of the layer between, carried on to the input, is the input's.
	activations, ofSig, err := p.Between(0)
	require.NoError(t, err)
	all, err := m.Activations(x)
	require.NoError(t, err)
	assert.InDeltaSlice(t, all[1].Value.Float64s(), activations.Float64s(), 1e-12)
	first, err := m.NewPullback(2, "sig")
	require.NoError(t, err)
	defer first.Close()
	copy(first.Weights().Float64s(), ofSig.Float64s())
	_, again, err := first.Run(x)
	require.NoError(t, err)
	assert.InDeltaSlice(t, gradient.Float64s(), again.Float64s(), 1e-12)
}

func TestPullbackRefuses(t *testing.T) {
	m, r := branchedForPullback(t), rand.New(rand.NewPCG(1, 2))
	_, err := m.NewPullback(1, "nothing")
	assert.ErrorContains(t, err, `has no layer "nothing"`)
	_, err = m.NewPullback(1, "fc", "nothing")
	assert.ErrorContains(t, err, `has no layer "nothing"`)
	_, err = m.NewPullback(0, "fc")
	assert.ErrorContains(t, err, "got a batch of 0 images, want at least 1")
	p, err := m.NewPullback(2, "fc")
	require.NoError(t, err)
	defer p.Close()
	_, _, err = p.Run(randomDense(r, 1, 2, 5, 5))
	assert.ErrorContains(t, err, "got 1 images, want 2")
	_, _, err = p.Run(randomDense(r, 2, 2, 5, 4))
	assert.ErrorContains(t, err, "images: got shape")
}
