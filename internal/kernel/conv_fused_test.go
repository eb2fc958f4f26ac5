package kernel

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// checkConvReLUPool compares the fused layer with its three parts, bit by bit.
func checkConvReLUPool[T Float](t require.TestingT, s ConvShape, p PoolShape) {
	r := newRand(12)
	s = s.withDefaults()
	nx, nw, na := s.sizes()
	p.Batch, p.Channels, p.InHeight, p.InWidth = s.Batch, s.OutChannels, s.OutHeight(), s.OutWidth()
	ny := p.Batch * p.Channels * p.OutHeight() * p.OutWidth()
	x, w, bias, dy := random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels), random[T](r, ny)

	conv, pool := NewConv[T](s), NewMaxPool[T](p)
	pool.KeepIndices()
	a, wantY := make([]T, na), make([]T, ny)
	wantX, wantW, wantB := make([]T, nx), make([]T, nw), make([]T, s.OutChannels)
	conv.Forward(x, w, bias, a)
	ReLU(a, a)
	pool.Forward(a, wantY)
	da := make([]T, na)
	pool.Backward(dy, da)
	ReLUBackward(a, da, da)
	conv.BackwardData(w, da, wantX)
	conv.BackwardWeights(x, da, wantW)
	conv.BackwardBias(da, wantB)

	fused := NewConvReLUPool[T](s, p)
	fused.KeepIndices()
	assert.Equal(t, p.withDefaults(), fused.pool.PoolShape)
	for range 2 {
		y, dx, dw, db := random[T](r, ny), random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels)
		fused.Forward(x, w, bias, y)
		require.Equal(t, wantY, y, "y")
		require.Equal(t, pool.argmax, fused.pool.argmax, "argmax")
		fused.BackwardData(w, y, dy, dx)
		require.Equal(t, wantX, dx, "dx")
		fused.BackwardWeights(x, y, dy, dw, true)
		fused.BackwardBias(db)
		require.Equal(t, wantW, dw, "dw")
		require.Equal(t, wantB, db, "db")
		fused.BackwardWeights(x, y, dy, dw, false)
		require.Equal(t, wantW, dw, "dw alone")
	}
}

func TestConvReLUPoolMatchesItsParts(t *testing.T) {
	half, overlapping := PoolShape{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}, PoolShape{
		KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2,
	}
	cases := []struct {
		s ConvShape
		p PoolShape
	}{
		{ConvShape{Batch: 21, InChannels: 1, InHeight: 16, InWidth: 16, OutChannels: 7, KernelH: 5, KernelW: 5}, half},
		{ConvShape{
			Batch: 1, InChannels: 20, InHeight: 9, InWidth: 11, OutChannels: 18, KernelH: 3, KernelW: 3, PadTop: 1,
			PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
		}, overlapping},
		{ConvShape{
			Batch: 17, InChannels: 3, InHeight: 27, InWidth: 27, OutChannels: 5, KernelH: 5, KernelW: 5, StrideH: 2,
			StrideW: 2,
		}, overlapping},
		{ConvShape{
			Batch: 3, InChannels: 20, InHeight: 15, InWidth: 14, OutChannels: 40, KernelH: 3, KernelW: 3, StrideH: 2,
			StrideW: 2, PadBottom: 1, PadLeft: 1, Groups: 20,
		}, half},
		{ConvShape{Batch: 3, InChannels: 20, InHeight: 5, InWidth: 7, OutChannels: 19, KernelH: 1, KernelW: 1}, half},
		// by tiles
		{ConvShape{
			Batch: 3, InChannels: 38, InHeight: 13, InWidth: 14, OutChannels: 66, KernelH: 3, KernelW: 3, PadTop: 1,
			PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
		}, overlapping},
		// several portions of each image's and group's results
		{ConvShape{
			Batch: 4, InChannels: 4, InHeight: 70, InWidth: 90, OutChannels: 74, KernelH: 3, KernelW: 3, StrideW: 1,
			StrideH: 1, PadTop: 1, Groups: 2,
		}, overlapping},
		// several blocks of channels
		{ConvShape{Batch: 2, InChannels: 70, InHeight: 9, InWidth: 9, OutChannels: 20, KernelH: 3, KernelW: 3}, half},
	}
	forEachISA(t, func(t *testing.T) {
		for _, c := range cases {
			checkConvReLUPool[float32](t, c.s, c.p)
		}
	})
	for _, c := range cases {
		checkConvReLUPool[float64](t, c.s, c.p)
	}
}

func TestConvReLUPoolProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawConvShape(t)
		kernelH := rapid.IntRange(1, min(3, s.OutHeight())).Draw(t, "poolH")
		kernelW := rapid.IntRange(1, min(3, s.OutWidth())).Draw(t, "poolW")
		stride := rapid.IntRange(1, 3).Draw(t, "poolStride")
		checkConvReLUPool[float32](t, s, PoolShape{
			KernelH: kernelH, KernelW: kernelW, StrideH: stride, StrideW: stride, Ceil: rapid.Bool().Draw(t, "ceil"),
			PadRight: rapid.IntRange(0, kernelW-1).Draw(t, "poolRight"), PadTop: rapid.IntRange(
				0, kernelH-1,
			).Draw(t, "poolTop"),
		})
	})
}

func TestConvReLUPoolAllocatesNothing(t *testing.T) {
	s := ConvShape{Batch: 20, InChannels: 1, InHeight: 12, InWidth: 12, OutChannels: 8, KernelH: 3, KernelW: 3}
	c := NewConvReLUPool[float32](s, PoolShape{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2})
	c.KeepIndices()
	nx, nw, ny := s.sizes()
	x, w, bias, y := make([]float32, nx), make([]float32, nw), make([]float32, s.OutChannels), make([]float32, ny/4)
	withWorkers(t, 2, func() {
		passes := func() {
			c.Forward(x, w, bias, y)
			c.BackwardWeights(x, y, y, w, true)
			c.BackwardBias(bias)
			c.BackwardData(w, y, y, x)
		}
		for range 50 {
			passes()
		}
		assert.Zero(t, testing.AllocsPerRun(50, passes))
	})
}

func ExampleConvReLUPool() {
	c := NewConvReLUPool[float32](
		ConvShape{Batch: 1, InChannels: 1, InHeight: 3, InWidth: 3, OutChannels: 1, KernelH: 2, KernelW: 2},
		PoolShape{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2},
	)
	c.KeepIndices()
	y := make([]float32, 1)
	c.Forward([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, []float32{0, 0, 0, 1}, []float32{-6}, y)
	fmt.Println(y, c.pool.argmax)
	// Output: [3] [3]
}
