package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// naiveNorm normalizes sets of values by their mean and biased variance, set by set, in float64. dx
// sums the derivatives through every value of the set, one by one.
type naiveNorm struct {
	channels, plane int
	eps             float64
	setOf           func(n, c, pixel int) int
}

func (s naiveNorm) run(x, weight, bias, dy []float64) (y, dx, dweight, dbias []float64) {
	y, dx = make([]float64, len(x)), make([]float64, len(x))
	dweight, dbias = make([]float64, s.channels), make([]float64, s.channels)
	sets := map[int][]int{}
	for i := range x {
		set := s.setOf(i/(s.channels*s.plane), s.channel(i), i%s.plane)
		sets[set] = append(sets[set], i)
	}
	for _, set := range sets {
		size, mean, variance := float64(len(set)), 0.0, 0.0
		for _, i := range set {
			mean += x[i] / size
		}
		for _, i := range set {
			variance += (x[i] - mean) * (x[i] - mean) / size
		}
		r := 1 / math.Sqrt(variance+s.eps)
		dmean, dvariance := 0.0, 0.0
		for _, i := range set {
			c := s.channel(i)
			h := (x[i] - mean) * r
			y[i] = h*weight[c] + bias[c]
			dweight[c] += dy[i] * h
			dbias[c] += dy[i]
			dmean -= dy[i] * weight[c] * r
			dvariance -= dy[i] * weight[c] * (x[i] - mean) * r * r * r / 2
		}
		for _, i := range set {
			dx[i] = dy[i]*weight[s.channel(i)]*r + dmean/size + dvariance*2*(x[i]-mean)/size
		}
	}
	return y, dx, dweight, dbias
}

func (s naiveNorm) channel(i int) int { return i / s.plane % s.channels }

// normKernel is the common interface of Norm and ChannelNorm.
type normKernel[T Float] interface {
	Forward(x, weight, bias, y []T)
	BackwardWeights(x, dy, dweight []T)
	BackwardBias(dbias []T)
	BackwardData(x, weight, dy, dx []T)
}

// checkNorm compares a kernel with the naive loops, on values around an offset.
func checkNorm[T Float](t *testing.T, s naiveNorm, batch int, offset float64, k normKernel[T]) {
	t.Helper()
	n := batch * s.channels * s.plane
	x, dy := gaussian[T](1, n), gaussian[T](2, n)
	for i := range x {
		x[i] += T(offset)
	}
	weight, bias := gaussian[T](3, s.channels), gaussian[T](4, s.channels)
	wantY, wantDx, wantDweight, wantDbias := s.run(toFloat64(x), toFloat64(weight), toFloat64(bias), toFloat64(dy))
	y, dx, dweight, dbias := make([]T, n), make([]T, n), make([]T, s.channels), make([]T, s.channels)
	k.Forward(x, weight, bias, y)
	k.BackwardWeights(x, dy, dweight)
	k.BackwardBias(dbias)
	k.BackwardData(x, weight, dy, dx)
	bound := max(2*precision[T](), 1e-14*(1+offset)) // float64 also rounds the offset
	closeTo(t, wantY, toFloat64(y), bound, "y")
	closeTo(t, wantDx, toFloat64(dx), bound, "dx")
	closeTo(t, wantDweight, toFloat64(dweight), 10*bound, "dweight")
	closeTo(t, wantDbias, toFloat64(dbias), 10*bound, "dbias")

	inPlace := slices.Clone(x)
	k.Forward(inPlace, weight, bias, inPlace)
	require.Equal(t, y, inPlace, "y over x")
	k.BackwardData(x, weight, dy, dy)
	require.Equal(t, dx, dy, "dx over dy")
}

func TestNorm(t *testing.T) {
	for _, s := range []NormShape{
		{4, 3, 20, 0, 1e-5}, {4, 6, 20, 3, 1e-5}, {4, 6, 20, 1, 1e-5}, {4, 6, 20, 6, 0.1},
		{100, 7, 1, 0, 1e-5}, {9, 70, 1, 1, 1e-5}, {1, 1, 33, 0, 1e-5}, {40, 16, 100, 0, 1e-5}, {40, 16, 100, 4, 1e-5},
		{2, 2, sweepShard + 3, 0, 1e-5}, {2, 2, sweepShard + 3, 2, 1e-5},
	} {
		naive := naiveNorm{s.Channels, s.Plane, s.Eps, func(n, c, _ int) int {
			if s.Groups == 0 {
				return c
			}
			return n*s.Groups + c*s.Groups/s.Channels
		}}
		for _, offset := range []float64{0, 1e4} {
			t.Run(fmt.Sprintf("%+v around %g", s, offset), func(t *testing.T) {
				checkNorm(t, naive, s.Batch, offset, normKernel[float64](NewNorm[float64](s)))
				forEachISA(t, func(t *testing.T) {
					checkNorm(t, naive, s.Batch, offset, normKernel[float32](NewNorm[float32](s)))
				})
			})
		}
	}
}

func TestChannelNorm(t *testing.T) {
	for _, s := range []ChannelNormShape{
		{4, 3, 20, 1e-5}, {1, 9, pixelTileSize, 1e-5}, {2, 33, 2*pixelTileSize + 5, 0.1}, {3, 5, 1, 1e-5},
		{2, 8, sweepShard + 3, 1e-3},
	} {
		naive := naiveNorm{s.Channels, s.Plane, s.Eps, func(n, _, pixel int) int { return n*s.Plane + pixel }}
		for _, offset := range []float64{0, 1e4} {
			t.Run(fmt.Sprintf("%+v around %g", s, offset), func(t *testing.T) {
				checkNorm(t, naive, s.Batch, offset, normKernel[float64](NewChannelNorm[float64](s)))
				checkNorm(t, naive, s.Batch, offset, normKernel[float32](NewChannelNorm[float32](s)))
			})
		}
	}
}

func TestFrozenNorm(t *testing.T) {
	n := NewNorm[float64](NormShape{Batch: 2, Channels: 2, Plane: 2, Eps: 1})
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	weight, bias := []float64{2, 6}, []float64{10, 20}
	mean, variance := []float64{1, 2}, []float64{3, 8} // 1/√(v+1): 1/2 and 1/3
	y := make([]float64, 8)
	n.ForwardFrozen(x, weight, bias, mean, variance, y)
	assert.InDeltaSlice(t, []float64{10, 11, 22, 24, 14, 15, 30, 32}, y, 1e-14)
	n.Forward(x, weight, bias, y) // another mean and variance
	dy, dx := []float64{1, 1, 1, 1, 2, 0, 0, 3}, make([]float64, 8)
	dweight, dbias := make([]float64, 2), make([]float64, 2)
	n.BackwardWeightsFrozen(x, mean, variance, dy, dweight)
	n.BackwardBias(dbias)
	n.BackwardDataFrozen(weight, variance, dy, dx)
	assert.InDeltaSlice(t, []float64{(0 + 1 + 2*4) / 2., (1 + 2 + 3*6) / 3.}, dweight, 1e-14)
	assert.Equal(t, []float64{4, 5}, dbias)
	assert.InDeltaSlice(t, []float64{1, 1, 2, 2, 2, 0, 0, 6}, dx, 1e-14)
}

// The statistics are right for values far from 0.
func TestNormStatisticsOfLargeMean(t *testing.T) {
	n := NewNorm[float32](NormShape{Batch: 3, Channels: 1, Plane: 2, Eps: 1e-5})
	y, one := make([]float32, 6), []float32{1}
	for _, offset := range []float32{0, 1e4, 8e6} {
		x := []float32{offset - 1, offset + 1, offset, offset + 2, offset - 2, offset}
		n.Forward(x, one, one, y)
		mean, variance := make([]float32, 1), make([]float32, 1)
		n.Mean(mean)
		n.UnbiasedVariance(variance)
		assert.Equal(t, offset, mean[0])
		assert.InEpsilon(t, 2, variance[0], 1e-6) // (1 + 1 + 4 + 4)/5
	}
}

func TestNormKeepsNaNInItsSet(t *testing.T) {
	n := NewNorm[float64](NormShape{Batch: 2, Channels: 2, Plane: 1, Eps: 1e-5})
	y := make([]float64, 4)
	n.Forward([]float64{math.NaN(), 1, 2, 3}, []float64{1, 1}, []float64{0, 0}, y)
	assert.True(t, math.IsNaN(y[0]) && math.IsNaN(y[2]))
	assert.InDeltaSlice(t, []float64{-1, 1}, []float64{y[1], y[3]}, 1e-4)
}

func TestNormAllocatesNothing(t *testing.T) {
	s := NormShape{4, 8, 5000, 0, 1e-5}
	x, y, w := gaussian[float32](1, 4*8*5000), make([]float32, 4*8*5000), gaussian[float32](2, 8)
	n, channelNorm := NewNorm[float32](s), NewChannelNorm[float32](ChannelNormShape{4, 8, 5000, 1e-5})
	dw := make([]float32, 8)
	assert.Zero(t, allocations(func() {
		n.ForwardFrozen(x, w, w, w, w, y)
		n.BackwardWeightsFrozen(x, w, w, y, dw)
		n.BackwardDataFrozen(w, w, y, y)
		for _, k := range [...]normKernel[float32]{n, channelNorm} {
			k.Forward(x, w, w, y)
			k.BackwardWeights(x, y, dw)
			k.BackwardBias(dw)
			k.BackwardData(x, w, y, y)
		}
	}))
}

// Each channel of a batch is normalized over the images.
func ExampleNewNorm() {
	n := NewNorm[float64](NormShape{Batch: 3, Channels: 1, Plane: 1, Eps: 1e-5})
	y, variance := make([]float64, 3), make([]float64, 1)
	n.Forward([]float64{1, 2, 6}, []float64{1}, []float64{0}, y)
	n.UnbiasedVariance(variance)
	fmt.Printf("%.3f, variance %.3f", y, variance[0])
	// Output: [-0.926 -0.463 1.389], variance 7.000
}

// Each pixel of an image is normalized over the channels.
func ExampleNewChannelNorm() {
	n := NewChannelNorm[float64](ChannelNormShape{Batch: 1, Channels: 2, Plane: 2, Eps: 1e-5})
	y := make([]float64, 4)
	n.Forward([]float64{0, 10, 4, 20}, []float64{1, 2}, []float64{0, 1}, y)
	fmt.Printf("%.3f", y)
	// Output: [-1.000 -1.000 3.000 3.000]
}
