package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Sizes: the result of SimpleConvNet's first convolution at batch 100, its parameters, and
// AlexNet's first normalization and pooling at batch 4.
func BenchmarkElementwise(b *testing.B) {
	const n, parameters = 100 * 30 * 24 * 24, 433_890
	x, y, dy := gaussian[float32](1, n), make([]float32, n), gaussian[float32](2, n)
	p, m, v := gaussian[float32](3, parameters), make([]float32, parameters), make([]float32, parameters)
	g := Gradient[float32]{Values: gaussian[float32](4, parameters), Scale: 1}
	halves := poolShape(100, 30, 24, 24, 2, 2, 2, 2, 0, 0)
	overlapping := poolShape(4, 96, 55, 55, 3, 3, 2, 2, 0, 0)
	maxHalves, maxOverlapping := NewMaxPool[float32](halves), NewMaxPool[float32](overlapping)
	maxHalves.KeepIndices()
	maxOverlapping.KeepIndices()
	average := NewAvgPool[float32](halves)
	norm := NewLRN[float32](LRNShape{4, 96, 55 * 55, 5, 2, 1e-4, 0.75})
	batch := NewNorm[float32](NormShape{100, 30, 24 * 24, 0, 1e-5})
	channelNorm := NewChannelNorm[float32](ChannelNormShape{100, 30, 24 * 24, 1e-5})
	weight, ones, dweight := gaussian[float32](5, 30), slices.Repeat([]float32{1}, 30), make([]float32, 30)
	const logits = 1000 * 1000
	for _, c := range []struct {
		name  string
		count int
		run   func()
	}{
		{"ReLU", n, func() { ReLU(x, y) }},
		{"ReLUBackward", n, func() { ReLUBackward(x, dy, y) }},
		{"Sigmoid", n, func() { Sigmoid(x, y) }},
		{"Tanh", n, func() { Tanh(1, 1, x, y) }},
		{"Softmax1000", logits, func() { Softmax(1000, 1000, x[:logits], y[:logits]) }},
		{"CrossEntropy10", 1000, func() { CrossEntropy(nil, nil, 100, 10, x[:1000], dy[:1000], y[:1000]) }},
		{"MaxPool2", n, func() { maxHalves.Forward(x, y[:halves.outLen()]) }},
		{"MaxPool2Backward", n, func() { maxHalves.Backward(dy[:halves.outLen()], y) }},
		{
			"MaxPool3", overlapping.inLen(),
			func() { maxOverlapping.Forward(x[:overlapping.inLen()], y[:overlapping.outLen()]) },
		},
		{"AvgPool2", n, func() { average.Forward(x, y[:halves.outLen()]) }},
		{"AvgPool2Backward", n, func() { average.Backward(dy[:halves.outLen()], y) }},
		{"LRN", norm.len(), func() { norm.Forward(x[:norm.len()], y[:norm.len()]) }},
		{
			"LRNBackward", norm.len(),
			func() { norm.Backward(x[:norm.len()], x[:norm.len()], dy[:norm.len()], y[:norm.len()]) },
		},
		{"BatchNorm", n, func() { batch.Forward(x, weight, weight, y) }},
		{"BatchNormBackwardWeights", n, func() { batch.BackwardWeights(x, dy, dweight) }},
		{"BatchNormBackwardData", n, func() { batch.BackwardData(x, weight, dy, y) }},
		{"FrozenBatchNorm", n, func() { batch.ForwardFrozen(x, weight, weight, weight, ones, y) }},
		{"ChannelNorm", n, func() { channelNorm.Forward(x, weight, weight, y) }},
		{"ChannelNormBackwardWeights", n, func() { channelNorm.BackwardWeights(x, dy, dweight) }},
		{"ChannelNormBackwardData", n, func() { channelNorm.BackwardData(x, weight, dy, y) }},
		{"SGD", parameters, func() { UpdateSGD(p, g, 1e-9) }},
		{"Momentum", parameters, func() { UpdateMomentum(p, g, m, 1e-9, 0.9) }},
		{"Adam", parameters, func() { UpdateAdam(p, g, m, v, 1e-9, 0.9, 0.999, 1e-7) }},
		{"Dropout", n, func() { Dropout(x, y, 0.5, 1, 0) }},
		{"SumSquares", n, func() { SumSquares(x) }},
		{"ChannelSum", n, func() { ChannelSum(100, 30, 576, x, y[:30]) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.count), "ns/element")
		})
	}
}

func BenchmarkLRN(b *testing.B) {
	const n = 4 * 96 * 55 * 55
	x, y, dy, dx := gaussian[float32](1, n), make([]float32, n), gaussian[float32](2, n), make([]float32, n)
	for _, s := range []LRNShape{
		{4, 96, 55 * 55, 5, 2, 1e-4, 0.75},
		{4, 96, 55 * 55, 9, 1, 1e-4, 0.75},
		{4, 96, 55 * 55, 5, 1, 1e-4, 0.5},
	} {
		l := NewLRN[float32](s)
		name := fmt.Sprintf("n=%d,beta=%g", s.Size, s.Beta)
		withWorkers(b, 1, func() {
			b.Run(name+"/Forward", func(b *testing.B) { comparePortable(b, n, func() { l.Forward(x, y) }) })
			b.Run(name+"/Backward", func(b *testing.B) { comparePortable(b, n, func() { l.Backward(x, y, dy, dx) }) })
		})
	}
}

func BenchmarkDropout(b *testing.B) {
	const n = 32 * 4096
	x, y := gaussian[float32](1, n), make([]float32, n)
	withWorkers(b, 1, func() { comparePortable(b, n, func() { Dropout(x, y, 0.5, 1, 0) }) })
}

// comparePortable alternates the portable code and the assembly. It reports the assembly's
// processor time for an element and the median ratio of the pairs.
func comparePortable(b *testing.B, elements int, run func()) {
	vector := active
	defer func() { active = vector }()
	timed := func(i isa) time.Duration {
		active = i
		start := processorTime()
		run()
		return processorTime() - start
	}
	timed(isaGeneric)
	timed(vector)
	var ratios, times []float64
	for b.Loop() {
		portable, assembly := timed(isaGeneric), timed(vector)
		times = append(times, float64(assembly.Nanoseconds())/float64(elements))
		ratios = append(ratios, float64(assembly)/float64(portable))
	}
	b.ReportMetric(median(times), "ns/element")
	b.ReportMetric(median(ratios), "of-portable")
}

func median(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}
