package kernel

import (
	"fmt"
	"testing"
	"time"
)

// winogradLayers are 3x3 convolutions of ResNets, AlexNet, SqueezeNet and VGG: batch, channels,
// size of the planes, filters, groups.
var winogradLayers = [][5]int{
	{64, 16, 32, 16, 1}, {64, 32, 16, 32, 1}, {64, 64, 8, 64, 1},
	{4, 64, 56, 64, 1}, {8, 128, 28, 128, 1}, {16, 256, 14, 256, 1}, {16, 512, 7, 512, 1},
	{8, 256, 13, 384, 1}, {8, 384, 13, 384, 2}, {8, 384, 13, 256, 2},
	{4, 16, 55, 64, 1}, {8, 32, 27, 128, 1}, {8, 48, 13, 192, 1}, {8, 64, 13, 256, 1},
	{1, 64, 56, 64, 1}, {1, 128, 28, 128, 1}, {1, 256, 14, 256, 1}, {1, 512, 7, 512, 1}, {1, 256, 13, 384, 1},
	{1, 64, 112, 64, 1}, {16, 3, 32, 16, 1}, {4, 8, 28, 16, 1}, {4, 8, 28, 8, 1}, {16, 128, 7, 128, 1},
	{32, 256, 13, 384, 1},
	{8, 512, 14, 512, 1}, {64, 512, 7, 512, 1}, {4, 1024, 14, 1024, 1}, {8, 64, 56, 16, 1},
}

// BenchmarkWinograd alternates the general passes and Winograd's on one worker. It reports the
// speed in multiply-adds of the definition, and the median ratio of the pairs' processor times.
func BenchmarkWinograd(b *testing.B) {
	for _, l := range winogradLayers {
		s := ConvShape{
			Batch: l[0], InChannels: l[1], InHeight: l[2], InWidth: l[2], OutChannels: l[3], Groups: l[4],
			KernelH: 3, KernelW: 3, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
		}.withDefaults()
		nx, nw, ny := s.sizes()
		r := newRand(1)
		x, w, y := random[float32](r, nx), random[float32](r, nw), random[float32](r, ny)
		e := engineFor[float32]()
		forward, data := newConvForward(e, s), newConvData(e, s)
		tiledForward, tiledData := newWinogradForward(e, s), newWinogradData(e, s)
		weights, tiledWeights := newConvWeights(e, s, false), newConvWeights(e, s, true)
		name := fmt.Sprintf("%dx%dx%dx%dto%din%d/", l[0], l[1], l[2], l[2], l[3], l[4])
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
