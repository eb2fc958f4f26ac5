package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// someLimits are a ReLU's, others, and one limit alone. Random results lie on each side of them.
func someLimits[T Float]() []Limits[T] {
	return []Limits[T]{AtLeast0[T](), {-0.25, 0.5}, {0, 0.25}, {T(math.Inf(-1)), 0.125}}
}

// within is y with limits by the definition.
func within[T Float](l Limits[T], y []T) []T {
	limited := make([]T, len(y))
	for i, v := range y {
		limited[i] = min(max(v, l.Least), l.Most)
	}
	return limited
}

// checkLimits compares a pass with limits with its result and the limits, bit by bit.
func checkLimits[T Float](t *testing.T, n int, run func(l Limits[T], y []T)) {
	y, got := make([]T, n), make([]T, n)
	run(Limits[T]{}, y)
	for _, l := range someLimits[T]() {
		run(l, got)
		if n > 1 {
			require.NotEqual(t, y, got, "%v", l)
		}
		require.Equal(t, within(l, y), got, "%v", l)
	}
	run(Limits[T]{}, got)
	require.Equal(t, y, got, "the limits are off again")
}

func checkConvLimits[T Float](t *testing.T, s ConvShape) {
	r := newRand(13)
	nx, nw, ny := s.withDefaults().sizes()
	x, w, bias := random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels)
	c := NewConv[T](s)
	checkLimits(t, ny, func(l Limits[T], y []T) { c.ForwardWithin(l, x, w, bias, y) })
}

// TestConvWithinLimits has each way of computing a convolution.
func TestConvWithinLimits(t *testing.T) {
	shapes := map[string]ConvShape{
		"tiles": threeByThree(2, 16, 16, 32, 1), "ragged tiles": threeByThree(17, 17, 16, 16, 1),
	}
	for name, s := range convShapes {
		shapes[name] = s
	}
	forEachISA(t, func(t *testing.T) {
		for name, s := range shapes {
			t.Run(name, func(t *testing.T) { checkConvLimits[float32](t, s) })
		}
	})
	for name, s := range shapes {
		t.Run("float64/"+name, func(t *testing.T) { checkConvLimits[float64](t, s) })
	}
}

func TestAffineWithinLimits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range [][3]int{{9, 1500, 70}, {33, 70, 45}, {1, 20, 30}, {40, 1100, 20}} {
			batch, in, out := s[0], s[1], s[2]
			r := newRand(13)
			x, w, bias := random[float32](r, batch*in), random[float32](r, out*in), random[float32](r, out)
			a := NewAffine[float32](batch, in, out)
			checkLimits(t, batch*out, func(l Limits[float32], y []float32) { a.ForwardWithin(l, x, w, bias, y) })
		}
	})
}

func TestNormWithinLimits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range []NormShape{{4, 3, 37, 0, 1e-5}, {4, 6, 20, 3, 1e-5}, {9, 5, 1, 0, 1e-5}} {
			n := s.Batch * s.Channels * s.Plane
			x := gaussian[float32](1, n)
			weight, bias := gaussian[float32](2, s.Channels), gaussian[float32](3, s.Channels)
			norm := NewNorm[float32](s)
			checkLimits(t, n, func(l Limits[float32], y []float32) { norm.ForwardWithin(l, x, weight, bias, y) })
		}
	})
}

// TestLimitsKeepNaN spoils one value of x in each way of computing a convolution, and in a
// normalization.
func TestLimitsKeepNaN(t *testing.T) {
	nan, limits := float32(math.NaN()), Limits[float32]{0, 6}
	forEachISA(t, func(t *testing.T) {
		for name, s := range map[string]ConvShape{
			"product": {Batch: 1, InChannels: 3, InHeight: 5, InWidth: 7, OutChannels: 4, KernelH: 1, KernelW: 1},
			"tiles":   threeByThree(1, 16, 8, 32, 1),
			"planes": {
				Batch: 1, InChannels: 4, InHeight: 9, InWidth: 9, OutChannels: 4, KernelH: 3, KernelW: 3, Groups: 4,
			},
		} {
			nx, nw, ny := s.withDefaults().sizes()
			r := newRand(25)
			x, w, y := random[float32](r, nx), random[float32](r, nw), make([]float32, ny)
			x[0] = nan
			NewConv[float32](s).ForwardWithin(limits, x, w, nil, y)
			require.True(t, math.IsNaN(float64(y[0])), name)
		}
		x, y, zero, one := make([]float32, 64), make([]float32, 64), []float32{0}, []float32{1}
		x[0] = nan
		NewNorm[float32](NormShape{1, 1, 64, 0, 1e-5}).ForwardFrozenWithin(limits, x, one, zero, zero, one, y)
		require.True(t, math.IsNaN(float64(y[0])))
		require.Zero(t, y[1])
	})
}
