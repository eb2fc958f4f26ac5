package kernel

import "testing"

// poolLayers are geometries of well-known networks, and corners.
var poolLayers = []struct {
	name string
	s    PoolShape
}{
	{"2x2by2", poolShape(10, 30, 24, 24, 2, 2, 2, 2, 0, 0)},      // SimpleConvNet
	{"3x3by2", poolShape(4, 96, 55, 55, 3, 3, 2, 2, 0, 0)},       // AlexNet
	{"3x3by2pad1", poolShape(1, 64, 112, 112, 3, 3, 2, 2, 1, 1)}, // ResNet
	{"3x3by1pad1", poolShape(2, 192, 28, 28, 3, 3, 1, 1, 1, 1)},  // GoogLeNet
	{"3x3by1pad1narrow", poolShape(4, 512, 14, 14, 3, 3, 1, 1, 1, 1)},
	{"2x2by1", poolShape(4, 64, 27, 27, 2, 2, 1, 1, 0, 0)},
	{"3x3by3", poolShape(4, 64, 48, 48, 3, 3, 3, 3, 0, 0)},
	{"4x4by4", poolShape(4, 64, 48, 48, 4, 4, 4, 4, 0, 0)},
	{"2x2by3", poolShape(4, 64, 48, 48, 2, 2, 3, 3, 0, 0)},
	{"5x5by1pad2", poolShape(2, 256, 13, 13, 5, 5, 1, 1, 2, 2)},
	{"13x13by1pad6", poolShape(2, 256, 13, 13, 13, 13, 1, 1, 6, 6)}, // YOLO's pyramid
	{"2x2by2pad1", poolShape(4, 64, 27, 27, 2, 2, 2, 2, 1, 1)},
	{"3x3by2narrow", poolShape(16, 256, 13, 13, 3, 3, 2, 2, 0, 0)},
	{"1x1by2", poolShape(4, 64, 56, 56, 1, 1, 2, 2, 0, 0)},
	{"7x7global", poolShape(8, 2048, 7, 7, 7, 7, 1, 1, 0, 0)},
}

func BenchmarkPool(b *testing.B) {
	for _, l := range poolLayers {
		x, y, dx := gaussian[float32](1, l.s.inLen()), gaussian[float32](2, l.s.outLen()), make([]float32, l.s.inLen())
		m, a := NewMaxPool[float32](l.s), NewAvgPool[float32](l.s)
		m.KeepIndices()
		m.Forward(x, y)
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"Max", func() { m.Forward(x, y) }},
			{"MaxBackward", func() { m.Backward(y, dx) }},
			{"Average", func() { a.Forward(x, y) }},
			{"AverageBackward", func() { a.Backward(y, dx) }},
		} {
			b.Run(l.name+"/"+pass.name, func(b *testing.B) {
				withWorkers(b, 1, func() { comparePortable(b, l.s.inLen(), pass.run) })
			})
		}
	}
}
