package xmath_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/xmath"
)

func TestIsFinite(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -math.MaxFloat64, math.SmallestNonzeroFloat64} {
		assert.True(t, xmath.IsFinite(v), v)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.False(t, xmath.IsFinite(v), v)
		assert.False(t, xmath.IsFinite(float32(v)), v)
	}
	assert.True(t, xmath.IsFinite(float32(-math.MaxFloat32)))
	assert.True(t, xmath.IsFinite(float32(math.SmallestNonzeroFloat32)))
}
