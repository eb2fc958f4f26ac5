package kernel

import (
	"fmt"
	"testing"
	"time"
)

// winogradLayers are convolutions of 3x3 filters of ResNets, AlexNet, SqueezeNet and VGG, and of
// 5x5 filters of AlexNet, GoogLeNet and smaller ones: batch, channels, size of the planes, filters,
// groups, size of the filters.
var winogradLayers = [][6]int{
	{64, 16, 32, 16, 1, 3}, {64, 32, 16, 32, 1, 3}, {64, 64, 8, 64, 1, 3},
	{4, 64, 56, 64, 1, 3}, {8, 128, 28, 128, 1, 3}, {16, 256, 14, 256, 1, 3}, {16, 512, 7, 512, 1, 3},
	{8, 256, 13, 384, 1, 3}, {8, 384, 13, 384, 2, 3}, {8, 384, 13, 256, 2, 3},
	{4, 16, 55, 64, 1, 3}, {8, 32, 27, 128, 1, 3}, {8, 48, 13, 192, 1, 3}, {8, 64, 13, 256, 1, 3},
	{1, 64, 56, 64, 1, 3}, {1, 128, 28, 128, 1, 3}, {1, 256, 14, 256, 1, 3}, {1, 512, 7, 512, 1, 3},
	{1, 256, 13, 384, 1, 3},
	{1, 64, 112, 64, 1, 3}, {16, 3, 32, 16, 1, 3}, {4, 8, 28, 16, 1, 3}, {4, 8, 28, 8, 1, 3}, {16, 128, 7, 128, 1, 3},
	{32, 256, 13, 384, 1, 3},
	{8, 512, 14, 512, 1, 3}, {64, 512, 7, 512, 1, 3}, {4, 1024, 14, 1024, 1, 3}, {8, 64, 56, 16, 1, 3},
	{8, 96, 27, 256, 2, 5}, {8, 64, 27, 192, 1, 5}, {1, 96, 27, 256, 1, 5}, {8, 16, 28, 32, 1, 5},
	{8, 32, 28, 96, 1, 5},
	{8, 24, 14, 64, 1, 5}, {8, 48, 7, 128, 1, 5}, {32, 16, 12, 32, 1, 5}, {8, 32, 32, 32, 1, 5}, {8, 8, 28, 16, 1, 5},
	{8, 32, 14, 64, 1, 5}, {16, 64, 8, 64, 1, 5}, {100, 32, 14, 64, 1, 5}, {100, 20, 12, 50, 1, 5},
}

// BenchmarkWinograd alternates the general passes and Winograd's on one worker. It reports the
// speed in multiply-adds of the definition, and the median ratio of the pairs' processor times.
func BenchmarkWinograd(b *testing.B) {
	for _, l := range winogradLayers {
		s := ConvShape{
			Batch: l[0], InChannels: l[1], InHeight: l[2], InWidth: l[2], OutChannels: l[3], Groups: l[4],
			KernelH: l[5], KernelW: l[5], PadTop: l[5] / 2, PadBottom: l[5] / 2, PadLeft: l[5] / 2, PadRight: l[5] / 2,
		}.withDefaults()
		nx, nw, ny := s.sizes()
		r := newRand(1)
		x, w, y := random[float32](r, nx), random[float32](r, nw), random[float32](r, ny)
		e := engineFor[float32]()
		forward, data := newConvForward(e, s), newConvData(e, s)
		tiledForward, tiledData := newWinogradForward(e, s), newWinogradData(e, s)
		weights, tiledWeights := newConvWeights(e, s, false), newConvWeights(e, s, true)
		name := fmt.Sprintf("%dx%dx%dx%dto%din%dby%[7]dx%[7]d/", l[0], l[1], l[2], l[2], l[3], l[4], l[5])
		b.Run(name+"Forward", func(b *testing.B) {
			compareTwo(b, s.MultiplyAdds(), func() { forward.run(x, w, nil, y) },
				func() { tiledForward.run(x, w, nil, y, Limits[float32]{}, nil, nil) })
		})
		b.Run(name+"BackwardData", func(b *testing.B) {
			compareTwo(b, s.MultiplyAdds(), func() { data.run(w, y, x) },
				func() { tiledData.run(y, w, nil, x, Limits[float32]{}, nil, nil) })
		})
		b.Run(name+"BackwardWeights", func(b *testing.B) {
			compareTwo(b, s.MultiplyAdds(), func() { weights.run(nil, x, y, w) },
				func() { tiledWeights.run(nil, x, y, w) })
		})
	}
}

func compareTwo(b *testing.B, multiplyAdds int64, old, tiled func()) {
	timed := func(f func()) float64 {
		start := processorTime()
		f()
		return float64(max(processorTime()-start, time.Microsecond)) / 1e9
	}
	withWorkers(b, 1, func() {
		old()
		tiled()
		var ratios, speeds, others []float64
		for b.Loop() {
			was, is := timed(old), timed(tiled)
			ratios = append(ratios, is/was)
			flops := 2e-9 * float64(multiplyAdds)
			speeds, others = append(speeds, flops/is), append(others, flops/was)
		}
		b.ReportMetric(median(speeds), "GFLOP/s")
		b.ReportMetric(median(others), "direct-GFLOP/s")
		b.ReportMetric(median(ratios), "of-direct")
	})
}
