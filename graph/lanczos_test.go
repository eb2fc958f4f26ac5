package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
)

// TestLargestCurvatures compares the Lanczos eigenvalues with those of the whole Hessian, computed
// column by column.
func TestLargestCurvatures(t *testing.T) {
	spec := Sequential("curved", tensor.Shape{2, 3, 3}, He(), Conv2D{Filters: 2, Kernel: Square(2)}, Tanh{},
		Affine{Units: 3}, Softmax{})
	m, err := New(spec, WithDtype(tensor.Float64), WithSeed(3))
	require.NoError(t, err)
	h, err := m.NewHessian(4)
	require.NoError(t, err)
	defer h.Close()
	fillStep(h.step)
	size := 2*2*2*2 + 2 + 3*8 + 3
	top, err := h.Largest(3, size, 1)
	require.NoError(t, err)
	require.Len(t, top, 3)

	columns := make([][]float64, size)
	for i := range columns {
		e := make([]float64, size)
		e[i] = 1
		columns[i], err = h.times(e)
		require.NoError(t, err)
	}
	values, _ := symmetricEigen(columns)
	order := topOf(values)
	for i, c := range top {
		assert.InDelta(t, values[order[i]], c.Value, 1e-9)
		assert.Less(t, c.Bound, 1e-6)
		var d []float64
		for _, part := range c.Direction {
			d = append(d, part.Float64s()...)
		}
		assert.InDelta(t, 1, innerOf(d, d), 1e-9)
		product, err := h.times(d)
		require.NoError(t, err)
		axpy(-c.Value, d, product)
		assert.Less(t, math.Sqrt(innerOf(product, product)), 1e-6)
	}

	// The loss along a direction bends as its eigenvalue says.
	const step = 1e-3
	losses, err := m.LossAlong(h.Images(), h.Targets(), top[0].Direction, []float64{-step, 0, step})
	require.NoError(t, err)
	assert.InEpsilon(t, top[0].Value, (losses[0]-2*losses[1]+losses[2])/(step*step), 1e-4)

	_, err = h.Largest(3, 2, 1)
	assert.ErrorContains(t, err, "got 3 eigenvalues in 2 steps, want at least 1 eigenvalue and a step for each")
	_, err = m.LossAlong(h.Images(), h.Targets(), nil, nil)
	assert.ErrorContains(t, err, "direction: got 0 tensors, want 4")
}
