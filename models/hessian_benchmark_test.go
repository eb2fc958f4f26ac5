package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"convgraph/graph"
)

// BenchmarkHessianVector times a Hessian-vector product and the gradient of the same batch;
// times-gradient is the ratio. They alternate, so that a busy machine slows both down.
func BenchmarkHessianVector(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) {
			m, err := graph.New(w.spec)
			require.NoError(b, err)
			step, err := m.NewStep(w.batch, graph.WithoutDropout())
			require.NoError(b, err)
			defer step.Close()
			h, err := m.NewHessian(w.batch)
			require.NoError(b, err)
			defer h.Close()
			for _, images := range [][]float32{step.Images().Float32s(), h.Images().Float32s()} {
				fillRandom(images)
			}
			for _, targets := range [][]float32{step.Targets().Float32s(), h.Targets().Float32s()} {
				for i := range w.batch {
					targets[i*m.Classes()+i%m.Classes()] = 1
				}
			}
			for _, v := range h.Vector() {
				fillRandom(v.Float32s())
			}
			gradient := func() {
				_, err := step.Run(0)
				require.NoError(b, err)
			}
			product := func() {
				_, err := h.Product()
				require.NoError(b, err)
			}
			gradient()
			product()
			b.ReportAllocs()
			b.StopTimer()
			b.ResetTimer()
			var ratios []float64
			for range b.N {
				first := timeOf(gradient)
				b.StartTimer()
				second := timeOf(product)
				b.StopTimer()
				ratios = append(ratios, second/first)
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "times-gradient")
		})
	}
}

func timeOf(f func()) (seconds float64) {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}
