package kernel

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// measure benchmarks f, which makes the given number of multiply-adds, and reports its average
// speed, its best speed, and its speed by processor time, which includes spinning workers. On a
// busy machine compare the last two; with one worker, the last.
func measure(b *testing.B, multiplyAdds int64, f func()) {
	f()
	best := time.Duration(math.MaxInt64)
	used := processorTime()
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	used = processorTime() - used
	gigaflops := 2 * float64(multiplyAdds) / 1e9
	b.ReportMetric(gigaflops*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
	b.ReportMetric(gigaflops/best.Seconds(), "best-GFLOP/s")
	if used > 0 {
		b.ReportMetric(gigaflops*float64(b.N)/used.Seconds(), "cpu-GFLOP/s")
	}
}

// convLayers are the convolutions of the models, at their training batches.
var convLayers = []struct {
	name string
	s    ConvShape
}{
	{
		"SimpleConvNet1",
		ConvShape{Batch: 100, InChannels: 1, InHeight: 28, InWidth: 28, OutChannels: 30, KernelH: 5, KernelW: 5},
	},
	{"LeNet1", ConvShape{
		Batch: 100, InChannels: 1, InHeight: 28, InWidth: 28, OutChannels: 6, KernelH: 5, KernelW: 5, PadTop: 2,
		PadBottom: 2, PadLeft: 2, PadRight: 2,
	}},
	{
		"LeNet2",
		ConvShape{Batch: 100, InChannels: 6, InHeight: 14, InWidth: 14, OutChannels: 16, KernelH: 5, KernelW: 5},
	},
	{
		"LeNet3",
		ConvShape{Batch: 100, InChannels: 16, InHeight: 5, InWidth: 5, OutChannels: 120, KernelH: 5, KernelW: 5},
	},
	{"AlexNet1", ConvShape{
		Batch: 32, InChannels: 3, InHeight: 227, InWidth: 227, OutChannels: 96, KernelH: 11, KernelW: 11, StrideH: 4,
		StrideW: 4,
	}},
	{"AlexNet2", ConvShape{
		Batch: 32, InChannels: 96, InHeight: 27, InWidth: 27, OutChannels: 256, KernelH: 5, KernelW: 5, PadTop: 2,
		PadBottom: 2, PadLeft: 2, PadRight: 2, Groups: 2,
	}},
	{"AlexNet3", ConvShape{
		Batch: 32, InChannels: 256, InHeight: 13, InWidth: 13, OutChannels: 384, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1,
	}},
	{"AlexNet4", ConvShape{
		Batch: 32, InChannels: 384, InHeight: 13, InWidth: 13, OutChannels: 384, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	}},
	{"AlexNet5", ConvShape{
		Batch: 32, InChannels: 384, InHeight: 13, InWidth: 13, OutChannels: 256, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	}},
}

func BenchmarkConv(b *testing.B) {
	for _, l := range convLayers {
		nx, nw, ny := l.s.sizes()
		r := newRand(1)
		x, w, bias, y := random[float32](r, nx), random[float32](r, nw), random[float32](
			r, l.s.OutChannels,
		), random[float32](r, ny)
		c := NewConv[float32](l.s)
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"Forward", func() { c.Forward(x, w, bias, y) }},
			{"BackwardData", func() { c.BackwardData(w, y, x) }},
			{"BackwardWeights", func() { c.BackwardWeights(x, y, w) }},
		} {
			b.Run(l.name+"/"+pass.name, func(b *testing.B) {
				measure(b, l.s.MultiplyAdds(), pass.run)
			})
		}
	}
}

func BenchmarkAffine(b *testing.B) {
	for _, s := range [][3]int{
		{100, 4320, 100}, {100, 100, 10}, {100, 400, 120}, {100, 120, 84}, {32, 9216, 4096}, {1, 9216, 4096},
		{1, 4320, 100},
	} {
		batch, in, out := s[0], s[1], s[2]
		r := newRand(1)
		x, w, bias, y := random[float32](r, batch*in), random[float32](r, out*in), random[float32](
			r, out,
		), random[float32](r, batch*out)
		a := NewAffine[float32](batch, in, out)
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"Forward", func() { a.Forward(x, w, bias, y) }},
			{"BackwardData", func() { a.BackwardData(w, y, x) }},
			{"BackwardWeights", func() { a.BackwardWeights(x, y, w) }},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", batch, in, out, pass.name), func(b *testing.B) {
				measure(b, int64(batch*in*out), pass.run)
			})
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range [][3]int{{1024, 1024, 1024}, {100, 100, 4320}, {729, 256, 2400}, {100, 10, 100}} {
		m, n, k := s[0], s[1], s[2]
		r := newRand(1)
		x, y, z := random[float32](r, m*k), random[float32](r, k*n), make([]float32, m*n)
		for _, workers := range []int{1, 0} {
			name := fmt.Sprintf("%dx%dx%d/workers=max", m, n, k)
			if workers == 1 {
				name = fmt.Sprintf("%dx%dx%d/workers=1", m, n, k)
			}
			b.Run(name, func(b *testing.B) {
				withWorkers(b, workers, func() {
					measure(b, int64(m*n*k), func() { Gemm(false, false, m, n, k, x, k, y, n, z, n) })
				})
			})
		}
	}
}

// BenchmarkConvReLUPool compares a fused layer's step with the steps of its parts. The first layer
// of SimpleConvNet needs no gradient of its data.
func BenchmarkConvReLUPool(b *testing.B) {
	s := convLayers[0].s
	p := PoolShape{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2}
	fused := NewConvReLUPool[float32](s, p)
	fused.KeepIndices()
	p = fused.pool.PoolShape
	r := newRand(1)
	nx, nw, na := s.sizes()
	x, w, bias, y := random[float32](r, nx), random[float32](r, nw), random[float32](
		r, s.OutChannels,
	), random[float32](r, na/4)
	dw, db, dy := make([]float32, nw), make([]float32, s.OutChannels), random[float32](r, na/4)
	conv, pool, a, da := NewConv[float32](s), NewMaxPool[float32](p), make([]float32, na), make([]float32, na)
	pool.KeepIndices()
	b.Run("SimpleConvNet1/fused", func(b *testing.B) {
		measure(b, 2*s.MultiplyAdds(), func() {
			fused.Forward(x, w, bias, y)
			fused.BackwardWeights(x, y, dy, dw, true)
			fused.BackwardBias(db)
		})
	})
	b.Run("SimpleConvNet1/parts", func(b *testing.B) {
		measure(b, 2*s.MultiplyAdds(), func() {
			conv.Forward(x, w, bias, a)
			ReLU(a, a)
			pool.Forward(a, y)
			pool.Backward(dy, da)
			ReLUBackward(a, da, da)
			conv.BackwardWeights(x, da, dw)
			conv.BackwardBias(da, db)
		})
	})
}
