package kernel

import (
	"fmt"
	"testing"
)

// depthwiseLayers are those of MobileNet and EfficientNet, and sizes in between.
var depthwiseLayers = []struct{ channels, size, kernel, stride int }{
	{32, 112, 3, 1}, {96, 112, 3, 2}, {144, 56, 3, 1}, {144, 56, 3, 2}, {192, 28, 3, 1}, {
		576, 14, 3, 1,
	}, {576, 14, 3, 2}, {960, 7, 3, 1},
	{96, 56, 5, 1}, {144, 56, 5, 2}, {672, 14, 5, 1}, {960, 7, 5, 1},
}

func BenchmarkDepthwise(b *testing.B) {
	for _, l := range depthwiseLayers {
		s := ConvShape{
			Batch: 4, InChannels: l.channels, InHeight: l.size, InWidth: l.size, OutChannels: l.channels,
			Groups:  l.channels,
			KernelH: l.kernel, KernelW: l.kernel, StrideH: l.stride, StrideW: l.stride, PadTop: l.kernel / 2,
			PadBottom: l.kernel / 2, PadLeft: l.kernel / 2, PadRight: l.kernel / 2,
		}
		nx, nw, ny := s.sizes()
		r := newRand(1)
		x, w, bias, y := random[float32](r, nx), random[float32](r, nw), random[float32](
			r, s.OutChannels,
		), random[float32](r, ny)
		c := NewConv[float32](s)
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"Forward", func() { c.Forward(x, w, bias, y) }},
			{"BackwardData", func() { c.BackwardData(w, y, x) }},
			{"BackwardWeights", func() { c.BackwardWeights(x, y, w) }},
		} {
			b.Run(fmt.Sprintf(
				"%dx%dx%d,%dx%dby%d/%s", l.channels, l.size, l.size, l.kernel, l.kernel, l.stride, pass.name,
			), func(b *testing.B) {
				withWorkers(b, 1, func() { measure(b, s.MultiplyAdds(), pass.run) })
			})
		}
	}
}
