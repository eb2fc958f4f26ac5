package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ones[T Float](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

func TestDropoutKeepsItsRate(t *testing.T) {
	const n = 200_000
	y := make([]float64, n)
	for _, rate := range []float64{0, 0.1, 0.5, 0.9} {
		for key := range uint64(3) {
			Dropout(ones[float64](n), y, rate, key, 0)
			kept := 0
			for _, v := range y {
				if v == 1/(1-rate) {
					kept++
				} else if v != 0 {
					require.Fail(t, "neither dropped nor scaled", "%g", v)
				}
			}
			std := math.Sqrt(n * rate * (1 - rate))
			assert.InDelta(t, n*(1-rate), kept, 4*std, "rate %g, key %d", rate, key)
		}
	}
}

// Masks of neighboring keys and of neighboring elements agree as often as independent ones.
func TestDropoutMasksAreIndependent(t *testing.T) {
	const n = 1 << 16
	mask := func(key uint64) []float64 {
		y := make([]float64, n)
		Dropout(ones[float64](n), y, 0.5, key, 0)
		return y
	}
	a, b := mask(7), mask(8)
	for lag := range 5 {
		same := 0
		for i := range n - lag {
			if lag > 0 && a[i] == a[i+lag] || lag == 0 && a[i] == b[i] {
				same++
			}
		}
		assert.InDelta(t, n/2, same, 4*math.Sqrt(n/4), "lag %d", lag)
	}
}

// The mask must be the same on every platform, in both precisions, and in the gradient.
func TestDropoutMaskIsFixed(t *testing.T) {
	got32, got64 := make([]float32, 64), make([]float64, 64)
	Dropout(ones[float32](64), got32, 0.5, 42, 0)
	DropoutBackward(ones[float64](64), got64, 0.5, 42, 0)
	var mask uint64
	for i := range got64 {
		require.Equal(t, float64(got32[i]), got64[i])
		if got64[i] != 0 {
			mask |= 1 << i
		}
	}
	assert.Equal(t, uint64(0xb3c99ef5ff75c692), mask)
}

func TestDropoutKeepsNaN(t *testing.T) {
	y := []float32{float32(math.NaN()), float32(math.NaN()), float32(math.NaN()), float32(math.NaN())}
	Dropout(y, y, 0.9, 1, 0)
	for _, v := range y {
		assert.True(t, math.IsNaN(float64(v)))
	}
}

// The mask doesn't depend on shards: a long slice's mask starts like a short one's.
func TestDropoutDependsOnlyOnIndex(t *testing.T) {
	n := 3*sweepShard + 17
	long, short := make([]float32, n), make([]float32, n)
	Dropout(ones[float32](n), long, 0.3, 5, 0)
	for at := 0; at < n; at += 1000 {
		end := min(n, at+1000)
		dropout(operands[float32]{a: ones[float32](end - at), b: short[at:end], rate: 0.3, key: 5, unit: 1, first: at})
	}
	assert.Equal(t, short, long)
	assert.Zero(t, allocations(func() { Dropout(long, short, 0.3, 5, 0) }))
}
