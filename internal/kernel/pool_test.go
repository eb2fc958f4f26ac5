package kernel

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawPoolShape(t *rapid.T) PoolShape {
	s := PoolShape{
		Batch: rapid.IntRange(1, 3).Draw(t, "batch"), Channels: rapid.IntRange(1, 4).Draw(t, "channels"),
		KernelH: rapid.IntRange(1, 4).Draw(t, "kernel h"), KernelW: rapid.IntRange(1, 4).Draw(t, "kernel w"),
		StrideH: rapid.IntRange(1, 5).Draw(t, "stride h"), StrideW: rapid.IntRange(1, 5).Draw(t, "stride w"),
	}
	dilation := rapid.SampledFrom([]int{1, 1, 2, 3})
	s.DilationH, s.DilationW = dilation.Draw(t, "dilation h"), dilation.Draw(t, "dilation w")
	s.Ceil, s.ExcludePad = rapid.Bool().Draw(t, "ceil"), rapid.Bool().Draw(t, "exclude pad")
	extentH, extentW := s.DilationH*(s.KernelH-1)+1, s.DilationW*(s.KernelW-1)+1
	s.PadTop, s.PadBottom = rapid.IntRange(0, extentH-1).Draw(t, "top"), rapid.IntRange(0, extentH-1).Draw(t, "bottom")
	s.PadLeft, s.PadRight = rapid.IntRange(0, extentW-1).Draw(t, "left"), rapid.IntRange(0, extentW-1).Draw(t, "right")
	// An input below the dilation can fall between two taps.
	s.InHeight = rapid.IntRange(max(s.DilationH, extentH-s.PadTop-s.PadBottom), 14).Draw(t, "height")
	s.InWidth = rapid.IntRange(max(s.DilationW, extentW-s.PadLeft-s.PadRight), 14).Draw(t, "width")
	return s
}

// poolShape is a geometry with the same padding at the start and the end.
func poolShape(batch, channels, height, width, kernelH, kernelW, strideH, strideW, padH, padW int) PoolShape {
	return PoolShape{
		Batch: batch, Channels: channels, InHeight: height, InWidth: width, KernelH: kernelH, KernelW: kernelW,
		StrideH: strideH, StrideW: strideW,
		PadTop: padH, PadBottom: padH, PadLeft: padW, PadRight: padW,
	}
}

// with changes a geometry.
func (s PoolShape) with(change func(s *PoolShape)) PoolShape {
	change(&s)
	return s
}

// poolCases are common geometries and corner cases.
var poolCases = map[string]PoolShape{
	"halves":             poolShape(2, 3, 8, 10, 2, 2, 2, 2, 0, 0),
	"halves, odd":        poolShape(2, 3, 7, 9, 2, 2, 2, 2, 0, 0),
	"halves, two shards": poolShape(2, 30, 24, 24, 2, 2, 2, 2, 0, 0),
	"overlapping":        poolShape(2, 3, 13, 13, 3, 3, 2, 2, 0, 0),
	"stride over kernel": poolShape(1, 2, 11, 11, 2, 2, 3, 4, 0, 0),
	"padded":             poolShape(2, 2, 7, 7, 3, 3, 2, 2, 1, 1),
	"padded halves":      poolShape(1, 2, 7, 7, 2, 2, 2, 2, 1, 1),
	"1x1":                poolShape(2, 2, 5, 4, 1, 1, 1, 1, 0, 0),
	"global":             poolShape(2, 5, 6, 7, 6, 7, 1, 1, 0, 0),
	"one pixel":          poolShape(1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
	"same size":          poolShape(1, 3, 20, 19, 3, 3, 1, 1, 1, 1),
	"large, same size":   poolShape(1, 2, 13, 13, 7, 9, 1, 1, 3, 4),
	"quarters":           poolShape(1, 2, 17, 40, 4, 4, 4, 4, 0, 0),
	"edges of one":       poolShape(1, 2, 6, 37, 2, 3, 2, 2, 1, 2),
	"far apart":          poolShape(1, 2, 9, 70, 2, 3, 5, 17, 1, 2),
	"global, 40 planes":  poolShape(4, 10, 7, 7, 7, 7, 7, 7, 0, 0),

	"below and right": poolShape(1, 2, 8, 20, 3, 3, 2, 2, 0, 0).with(func(s *PoolShape) {
		s.PadBottom, s.PadRight = 1, 1
	}),
	"above and left": poolShape(1, 2, 8, 20, 3, 3, 2, 2, 0, 0).with(func(s *PoolShape) {
		s.PadTop, s.PadLeft = 1, 2
	}),
	"halves, one more": poolShape(1, 2, 7, 21, 2, 2, 2, 2, 0, 0).with(func(s *PoolShape) {
		s.PadBottom, s.PadRight = 1, 1
	}),
	"halves, ceil":        poolShape(1, 2, 7, 21, 2, 2, 2, 2, 0, 0).with(func(s *PoolShape) { s.Ceil = true }),
	"overlapping, ceil":   poolShape(1, 2, 8, 20, 3, 3, 2, 2, 0, 0).with(func(s *PoolShape) { s.Ceil = true }),
	"padded, ceil":        poolShape(1, 2, 8, 20, 3, 3, 2, 2, 1, 1).with(func(s *PoolShape) { s.Ceil = true }),
	"ceil drops a window": poolShape(1, 2, 5, 5, 2, 2, 3, 3, 1, 1).with(func(s *PoolShape) { s.Ceil = true }),
	"ceil of one window":  poolShape(1, 2, 2, 1, 3, 2, 2, 2, 0, 0).with(func(s *PoolShape) { s.Ceil = true }),
	"by 1, ceil":          poolShape(1, 2, 9, 33, 3, 3, 1, 1, 1, 1).with(func(s *PoolShape) { s.Ceil = true }),
	"without pad":         poolShape(1, 2, 9, 33, 3, 3, 1, 1, 1, 1).with(func(s *PoolShape) { s.ExcludePad = true }),
	"without pad, ceil": poolShape(1, 2, 8, 20, 3, 3, 2, 2, 1, 1).with(func(s *PoolShape) {
		s.Ceil, s.ExcludePad = true, true
	}),
	"dilated": poolShape(1, 2, 11, 40, 3, 3, 1, 1, 0, 0).with(func(s *PoolShape) {
		s.DilationH, s.DilationW = 2, 3
	}),
	"dilated, padded, by 2": poolShape(1, 2, 11, 40, 3, 3, 2, 2, 2, 1).with(func(s *PoolShape) {
		s.DilationH, s.DilationW = 2, 2
	}),
	"dilated columns": poolShape(1, 2, 11, 40, 3, 5, 1, 2, 1, 4).with(func(s *PoolShape) {
		s.DilationW, s.ExcludePad = 3, true
	}),
	"dilated, one window": poolShape(1, 2, 5, 5, 3, 3, 1, 1, 0, 0).with(func(s *PoolShape) {
		s.DilationH, s.DilationW = 2, 2
	}),
}

func forEachPoolShape(t *testing.T, check func(t require.TestingT, s PoolShape)) {
	for name, s := range poolCases {
		t.Run(name, func(t *testing.T) { check(t, s) })
	}
	t.Run("any", func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { check(t, drawPoolShape(t)) }) })
}

// eachTap calls f for every pair of an output element and an input element in its window, in
// reading order.
func eachTap(s PoolShape, f func(out, in, channel int)) {
	out := 0
	for plane := range s.Batch * s.Channels {
		for oh := range s.OutHeight() {
			for ow := range s.OutWidth() {
				for kh := range s.KernelH {
					for kw := range s.KernelW {
						h, w := oh*s.StrideH-s.PadTop+kh*max(1, s.DilationH), ow*s.StrideW-s.PadLeft+kw*max(
							1, s.DilationW,
						)
						if h >= 0 && h < s.InHeight && w >= 0 && w < s.InWidth {
							f(out, plane*s.inPlane()+h*s.InWidth+w, plane%s.Channels)
						}
					}
				}
				out++
			}
		}
	}
}

func (s PoolShape) inLen() int  { return s.Batch * s.Channels * s.inPlane() }
func (s PoolShape) outLen() int { return s.Batch * s.Channels * s.outPlane() }

// coarse rounds to halves, to make ties.
func coarse[T Float](s []T) []T {
	for i, v := range s {
		s[i] = T(math.Round(2*float64(v)) / 2)
	}
	return s
}

func TestMaxPool(t *testing.T) {
	t.Run("float32", func(t *testing.T) { forEachISA(t, testMaxPool[float32]) })
	t.Run("float64", testMaxPool[float64])
}

func testMaxPool[T Float](t *testing.T) {
	forEachPoolShape(t, func(t require.TestingT, s PoolShape) {
		x, dy := coarse(gaussian[T](1, s.inLen())), gaussian[T](2, s.outLen())
		wantY, wantAt, wantDx := make([]T, s.outLen()), make([]int32, s.outLen()), make([]T, s.inLen())
		for i := range wantAt {
			wantAt[i] = -1
		}
		eachTap(s, func(out, in, _ int) {
			if wantAt[out] < 0 || x[in] > wantY[out] {
				wantY[out], wantAt[out] = x[in], int32(in%s.inPlane())
			}
		})
		for o, d := range dy {
			wantDx[o/s.outPlane()*s.inPlane()+int(wantAt[o])] += d
		}
		p := NewMaxPool[T](s)
		p.KeepIndices()
		y, dx := make([]T, s.outLen()), gaussian[T](3, s.inLen())
		p.Forward(x, y)
		p.Backward(dy, dx)
		require.Equal(t, wantY, y)
		require.Equal(t, wantAt, p.argmax)
		require.Equal(t, wantDx, dx)
	})
}

func TestMaxPoolTakesTheFirstNaN(t *testing.T) {
	t.Run("float32", func(t *testing.T) { forEachISA(t, testFirstNaN[float32]) })
	t.Run("float64", testFirstNaN[float64])
}

func testFirstNaN[T Float](t *testing.T) {
	nan := T(math.NaN())
	halves := poolShape(1, 1, 2, 6, 2, 2, 2, 2, 0, 0)
	checkArgmax(t, halves, []T{
		1, nan, 5, 5, nan, nan,
		nan, 2, nan, 9, nan, 0,
	}, []int32{1, 8, 4})
	sameButPadded := poolShape(1, 1, 2, 5, 2, 2, 2, 2, 0, 1)
	checkArgmax(t, sameButPadded, []T{
		nan, 5, 5, nan, nan,
		2, nan, 9, nan, 0,
	}, []int32{0, 6, 3})
	overlapping := poolShape(1, 1, 4, 4, 4, 4, 1, 1, 1, 1)
	checkArgmax(t, overlapping, []T{
		0, 0, 0, 7,
		7, 7, 9, nan,
		7, 9, nan, 9,
		1, nan, 1, 1,
	}, []int32{10, 7, 7, 10, 7, 7, 10, 7, 7})
}

func checkArgmax[T Float](t *testing.T, s PoolShape, x []T, want []int32) {
	t.Helper()
	p := NewMaxPool[T](s)
	p.KeepIndices()
	y := make([]T, s.outLen())
	p.Forward(x, y)
	assert.Equal(t, want, p.argmax)
	for i, at := range p.argmax {
		assert.Equal(t, math.Float64bits(float64(x[at])), math.Float64bits(float64(y[i])), "element %d", i)
	}
}

func TestMaxPoolPaddingNeverWins(t *testing.T) {
	lowest := float32(math.Inf(-1))
	s := poolShape(1, 1, 3, 3, 3, 3, 2, 2, 1, 1)
	forEachISA(t, func(t *testing.T) {
		p, y := NewMaxPool[float32](s), make([]float32, s.outLen())
		p.KeepIndices()
		p.Forward([]float32{-1, -2, -3, -4, -5, -6, -7, -8, -9}, y)
		assert.Equal(t, []float32{-1, -2, -4, -5}, y)
		assert.Equal(t, []int32{0, 1, 3, 4}, p.argmax)
		p.Forward(slices.Repeat([]float32{lowest}, 9), y)
		assert.Equal(t, []float32{lowest, lowest, lowest, lowest}, y)
		assert.Equal(t, []int32{0, 1, 3, 4}, p.argmax)
	})
}

func TestAvgPool(t *testing.T) {
	t.Run("float32", func(t *testing.T) { forEachISA(t, testAvgPool[float32]) })
	t.Run("float64", testAvgPool[float64])
}

func testAvgPool[T Float](t *testing.T) {
	forEachPoolShape(t, func(t require.TestingT, s PoolShape) {
		x, dy := gaussian[T](1, s.inLen()), gaussian[T](2, s.outLen())
		wantY, wantDx := make([]float64, s.outLen()), make([]float64, s.inLen())
		divisors := divisorsOf(s)
		eachTap(s, func(out, in, _ int) {
			wantY[out] += float64(x[in]) / divisors[out]
			wantDx[in] += float64(dy[out]) / divisors[out]
		})
		p := NewAvgPool[T](s)
		y, dx := make([]T, s.outLen()), gaussian[T](3, s.inLen())
		p.Forward(x, y)
		p.Backward(dy, dx)
		closeTo(t, wantY, toFloat64(y), 2*precision[T](), "y")
		closeTo(t, wantDx, toFloat64(dx), 2*precision[T](), "dx")
	})
}

// divisorsOf counts the taps of every window in the input and, unless it is excluded, in the
// padding.
func divisorsOf(s PoolShape) []float64 {
	if s.ExcludePad {
		n := make([]float64, s.outLen())
		eachTap(s, func(out, _, _ int) { n[out]++ })
		return n
	}
	padded := s
	padded.InHeight, padded.InWidth = s.InHeight+s.PadTop+s.PadBottom, s.InWidth+s.PadLeft+s.PadRight
	padded.PadTop, padded.PadBottom, padded.PadLeft, padded.PadRight = 0, 0, 0, 0
	n := make([]float64, s.outLen())
	for i := range n {
		oh, ow := i/s.OutWidth()%s.OutHeight(), i%s.OutWidth()
		for kh := range s.KernelH {
			for kw := range s.KernelW {
				if oh*s.StrideH+kh*max(1, s.DilationH) < padded.InHeight && ow*s.StrideW+kw*max(
					1, s.DilationW,
				) < padded.InWidth {
					n[i]++
				}
			}
		}
	}
	return n
}

func toFloat64[T Float](s []T) []float64 {
	d := make([]float64, len(s))
	for i, v := range s {
		d[i] = float64(v)
	}
	return d
}

func TestSubsample(t *testing.T) {
	t.Run("float32", func(t *testing.T) { forEachISA(t, testSubsample[float32]) })
	t.Run("float64", testSubsample[float64])
}

func testSubsample[T Float](t *testing.T) {
	forEachPoolShape(t, func(t require.TestingT, s PoolShape) {
		x, dy := gaussian[T](1, s.inLen()), gaussian[T](2, s.outLen())
		coef, bias := gaussian[T](3, s.Channels), gaussian[T](4, s.Channels)
		wantY, wantDx := make([]float64, s.outLen()), make([]float64, s.inLen())
		wantCoef, wantBias := make([]float64, s.Channels), make([]float64, s.Channels)
		for i, d := range dy {
			c := i / s.outPlane() % s.Channels
			wantY[i] = float64(bias[c])
			wantBias[c] += float64(d)
		}
		eachTap(s, func(out, in, c int) {
			wantY[out] += float64(coef[c]) * float64(x[in])
			wantDx[in] += float64(coef[c]) * float64(dy[out])
			wantCoef[c] += float64(dy[out]) * float64(x[in])
		})
		p := NewSubsample[T](s)
		y, dx := make([]T, s.outLen()), gaussian[T](5, s.inLen())
		dcoef, dbias := make([]T, s.Channels), make([]T, s.Channels)
		p.Forward(x, coef, bias, y)
		p.BackwardData(coef, dy, dx)
		p.BackwardCoefficient(x, dy, dcoef)
		p.BackwardBias(dy, dbias)
		closeTo(t, wantY, toFloat64(y), 20*precision[T](), "y")
		closeTo(t, wantDx, toFloat64(dx), 20*precision[T](), "dx")
		closeTo(t, wantCoef, toFloat64(dcoef), 1000*precision[T](), "dcoef")
		closeTo(t, wantBias, toFloat64(dbias), 1000*precision[T](), "dbias")
	})
}

func TestPoolsAllocateNothing(t *testing.T) {
	for name, s := range poolCases {
		x, y, c := gaussian[float32](1, s.inLen()), make([]float32, s.outLen()), make([]float32, s.Channels)
		m, a, u := NewMaxPool[float32](s), NewAvgPool[float32](s), NewSubsample[float32](s)
		m.KeepIndices()
		assert.Zero(t, allocations(func() {
			m.Forward(x, y)
			m.Backward(y, x)
			a.Forward(x, y)
			a.Backward(y, x)
			u.Forward(x, c, c, y)
			u.BackwardData(c, y, x)
			u.BackwardCoefficient(x, y, c)
			u.BackwardBias(y, c)
		}), name)
	}
}

func ExampleNewMaxPool() {
	p := NewMaxPool[float32](PoolShape{
		Batch: 1, Channels: 1, InHeight: 2, InWidth: 4, KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2,
	})
	p.KeepIndices()
	y, dx := make([]float32, 2), make([]float32, 8)
	p.Forward([]float32{
		1, 5, 2, 0,
		3, 4, 8, 7,
	}, y)
	p.Backward([]float32{10, 20}, dx)
	fmt.Println(y, p.argmax, dx)
	// Output: [5 8] [1 6] [0 10 0 0 0 0 20 0]
}

func ExampleNewAvgPool() {
	p := NewAvgPool[float32](PoolShape{
		Batch: 1, Channels: 1, InHeight: 2, InWidth: 4, KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2,
	})
	y := make([]float32, 2)
	p.Forward([]float32{
		1, 5, 2, 0,
		3, 4, 8, 7,
	}, y)
	fmt.Println(y)
	// Output: [3.25 4.25]
}

func ExampleNewSubsample() {
	p := NewSubsample[float32](PoolShape{
		Batch: 1, Channels: 1, InHeight: 2, InWidth: 4, KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2,
	})
	y := make([]float32, 2)
	p.Forward([]float32{
		1, 5, 2, 0,
		3, 4, 8, 7,
	}, []float32{2}, []float32{0.5}, y)
	fmt.Println(y)
	// Output: [26.5 34.5]
}

// divisorOf is the first window's divisor. Only a single window, under Ceil, may see what lies
// beyond the padding.
func divisorOf(s PoolShape) float64 {
	if s.Ceil {
		return 1
	}
	return float64(s.KernelH * s.KernelW)
}

// A spec may contain any stride and nearly any window; they must not decide how much memory pooling
// takes.
func TestPoolingMemoryIsBoundedByPlane(t *testing.T) {
	const far = 1 << 20
	for _, s := range []PoolShape{
		{Batch: 1, Channels: 1, InHeight: 2, InWidth: 2, KernelH: 1, KernelW: 1, StrideH: far, StrideW: far},
		{Batch: 1, Channels: 1, InHeight: 2, InWidth: 2, KernelH: 1, KernelW: 1, StrideH: far, StrideW: 1},
		{
			Batch: 1, Channels: 1, InHeight: 2, InWidth: 2, KernelH: 1, KernelW: 1, StrideH: far, StrideW: far,
			Ceil: true, ExcludePad: true,
		},
		{
			Batch: 1, Channels: 1, InHeight: 1, InWidth: 1, KernelH: far, KernelW: far, StrideH: far, StrideW: far,
			Ceil: true,
		},
		{Batch: 1, Channels: 1, InHeight: 2, InWidth: 2, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: far,
			DilationW: far,
			PadTop:    far, PadBottom: far, PadLeft: far, PadRight: far}, // one element in each window
		{
			Batch: 1, Channels: 1, InHeight: 1, InWidth: 1, KernelH: far, KernelW: far, StrideH: far, StrideW: far,
			PadTop: far - 1, PadBottom: far - 1, PadLeft: far - 1, PadRight: far - 1,
		},
	} {
		x := make([]float32, s.inPlane())
		for i := range x {
			x[i] = float32(i + 1)
		}
		y := make([]float32, s.outPlane())
		dx := make([]float32, len(x))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, a := NewMaxPool[float32](s), NewAvgPool[float32](s)
		m.KeepIndices()
		m.Forward(x, y)
		assert.Equal(t, float32(1), y[0], "%+v", s)
		m.Backward(y, dx)
		a.Forward(x, y)
		assert.Equal(t, float32(1/divisorOf(s)), y[0], "%+v", s)
		a.Backward(y, dx)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<16), "%+v", s)
	}
}
