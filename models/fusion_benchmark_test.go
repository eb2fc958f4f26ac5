package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/ops"
)

// BenchmarkFusion alternates between runs with and without the graph's passes on one worker, and
// reports the medians of the CPU times and of the ratios of neighboring runs.
func BenchmarkFusion(b *testing.B) {
	ops.SetWorkers(1) // more would spin while they wait, which is CPU time, too
	defer ops.SetWorkers(0)
	modern, err := models.ByName("lenet-modern")
	require.NoError(b, err)
	for _, w := range append(workloads(b), workload{name: "LeNetModern", spec: modern, batch: 100, many: 128}) {
		fused, err := graph.New(w.spec)
		require.NoError(b, err)
		unfused, err := graph.New(w.spec, graph.WithoutFusion())
		require.NoError(b, err)
		b.Run("TrainStep/"+w.name,
			func(b *testing.B) { inTurn(b, gradients(b, fused, w.batch), gradients(b, unfused, w.batch)) })
		b.Run("Predict1/"+w.name, func(b *testing.B) { inTurn(b, prediction(b, fused, 1), prediction(b, unfused, 1)) })
		b.Run("PredictBatch/"+w.name,
			func(b *testing.B) { inTurn(b, prediction(b, fused, w.many), prediction(b, unfused, w.many)) })
	}
}

// gradients computes those of a batch, without an update.
func gradients(b *testing.B, m *graph.Model, batch int) func() {
	step, err := m.NewStep(batch)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, step.Close()) })
	fillRandom(step.Images().Float32s())
	for i, targets := 0, step.Targets().Float32s(); i < batch; i++ {
		targets[i*m.Classes()+i%m.Classes()] = 1
	}
	return func() {
		_, err := step.Run(0)
		require.NoError(b, err)
	}
}

// prediction computes the logits of some images, with BatchNorm folded as in BenchmarkPredict1.
func prediction(b *testing.B, m *graph.Model, n int) func() {
	m = folded(b, m)
	images, logits := make([]float32, n*m.Spec().Input.TotalSize()), make([]float32, n*m.Classes())
	fillRandom(images)
	return func() { require.NoError(b, m.PredictInto(logits, images)) }
}

func inTurn(b *testing.B, fused, unfused func()) {
	fused()
	before := cpuTime()
	unfused()
	repeat := 1 + int(5*time.Millisecond/(1+cpuTime()-before)) // the system counts CPU time in coarse pieces
	var with, without, ratios []float64
	for i := 0; b.Loop(); i++ {
		var seconds [2]float64
		for side := range 2 {
			side = (side + i) % 2
			before := cpuTime()
			for range repeat {
				[]func(){fused, unfused}[side]()
			}
			seconds[side] = (cpuTime() - before).Seconds() / float64(repeat)
		}
		with, without, ratios = append(with, seconds[0]), append(without, seconds[1]), append(ratios,
			seconds[0]/seconds[1])
	}
	b.ReportMetric(1e3*median(with), "fused-ms")
	b.ReportMetric(1e3*median(without), "unfused-ms")
	b.ReportMetric(median(ratios), "ratio")
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}
