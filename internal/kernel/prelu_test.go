package kernel

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// preluShapes have one channel or several, with less than a row, a partial row, and more than a
// shard.
var preluShapes = [][3]int{
	{1, 1, 1}, {1, 1, 5000}, {7, 1, 9001}, {3, 4, 1}, {5, 3, 33}, {6, 20, 700}, {2, 2, sweepShard + 3},
}

func TestPReLU(t *testing.T) {
	t.Run("float32", testPReLU[float32])
	t.Run("float64", testPReLU[float64])
}

func testPReLU[T Float](t *testing.T) {
	for _, shape := range preluShapes {
		batch, channels, plane := shape[0], shape[1], shape[2]
		n := batch * channels * plane
		x, slope, dy := gaussian[T](1, n), gaussian[T](2, channels), gaussian[T](3, n)
		x[n/2] = 0
		wantY, wantDx, wantSlope := make([]T, n), make([]T, n), make([]float64, channels)
		for i, v := range x {
			c := i / plane % channels
			factor := T(1)
			if v <= 0 {
				factor = slope[c]
				wantSlope[c] += float64(v) * float64(dy[i])
			}
			wantY[i], wantDx[i] = v*factor, dy[i]*factor
		}
		p := NewPReLU[T](batch, channels, plane)
		y, dx, dslope := make([]T, n), make([]T, n), make([]T, channels)
		p.Forward(x, slope, y)
		p.BackwardData(x, slope, dy, dx)
		p.BackwardSlope(x, dy, dslope)
		require.Equal(t, wantY, y, shape)
		require.Equal(t, wantDx, dx, shape)
		for c, w := range wantSlope {
			require.InDelta(t, w, float64(dslope[c]), precision[T]()*float64(batch*plane), shape)
		}
		assert.Zero(t, allocations(func() {
			p.Forward(x, slope, y)
			p.BackwardData(x, slope, dy, dx)
			p.BackwardSlope(x, dy, dslope)
		}))
	}
}

func TestPReLUHasTheSameBitsForEveryWorkerCount(t *testing.T) {
	for _, shape := range preluShapes {
		n := shape[0] * shape[1] * shape[2]
		x, slope, dy := gaussian[float32](1, n), gaussian[float32](2, shape[1]), gaussian[float32](3, n)
		var want []float32
		for _, workers := range []int{1, 2, 3, 8} {
			withWorkers(t, workers, func() {
				p := NewPReLU[float32](shape[0], shape[1], shape[2])
				y, dx, dslope := make([]float32, n), make([]float32, n), make([]float32, shape[1])
				p.Forward(x, slope, y)
				p.BackwardData(x, slope, dy, dx)
				p.BackwardSlope(x, dy, dslope)
				got := slices.Concat(y, dx, dslope)
				if want == nil {
					want = got
				}
				assert.True(t, slices.Equal(bitsOf(want), bitsOf(got)), "%v, %d workers", shape, workers)
			})
		}
	}
}
