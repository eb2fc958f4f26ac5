package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNormalize(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12} // (2, 3, 2)
	y := make([]float64, len(x))
	Normalize(2, 3, 2, x, []float64{1, 2, 3}, []float64{1, 2, -1}, y)
	assert.Equal(t, []float64{0, 1, 2, 4, -2, -3, 6, 7, 14, 16, -8, -9}, y)
	Normalize(2, 3, 2, x, nil, []float64{1, 2, -1}, y)
	assert.Equal(t, []float64{1, 2, 6, 8, -5, -6, 7, 8, 18, 20, -11, -12}, y)
}
