package gradcheck

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
)

func TestSteepest(t *testing.T) {
	p := point{
		shape: tensor.Shape{6}, value: values{f64: make([]float64, 6)},
		gradient: values{f64: []float64{1, -7, 0, 3, 7, -5}},
	}
	assert.Equal(t, []int{1, 4, 5}, p.steepest(3))
	assert.Equal(t, []int{1}, p.steepest(1))
	assert.Equal(t, []int{1, 4, 5, 3, 0, 2}, p.steepest(20))
}

func TestDirections(t *testing.T) {
	a, b := newDirection(1, 0, 0), newDirection(1, 0, 1)
	var sum, product float64
	const n = 10_000
	for i := range n {
		assert.InDelta(t, 1, a.at(i)*a.at(i), 1.25)
		sum += a.at(i)
		product += a.at(i) * b.at(i)
	}
	// A component has variance 13/12, a product of two 169/144; the bound is five standard
	// deviations.
	assert.InDelta(t, 0, sum/n, 0.053)
	assert.InDelta(t, 0, product/n, 0.055)
	assert.NotEqual(t, a, newDirection(1, 1, 0))
	assert.NotEqual(t, a, newDirection(2, 0, 0))
}

func TestInnerKeepsWhatAPlainSumLoses(t *testing.T) {
	ones := tensor.New(tensor.WithBacking([]float64{1, 1, 1, 1}))
	terms := tensor.New(tensor.WithBacking([]float64{1, 1e16, 1, -1e16}))
	sum, err := inner([]*tensor.Dense{terms}, []*tensor.Dense{ones})
	require.NoError(t, err)
	assert.Equal(t, 2.0, sum)
}
