package models_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/solver"
)

// A workload is a network with its benchmark settings, the same as on PyTorch's side of bench/.
type workload struct {
	name      string
	spec      *graph.Spec
	batch     int // of a training step
	many      int // of a predicted batch
	optimizer string
	config    solver.Config
}

func workloads(tb testing.TB) []workload {
	momentum := solver.Config{LR: 0.01, Momentum: 0.9, WeightDecay: 0.0005}
	resNet18, err := models.ResNet{Depth: 18}.Spec()
	require.NoError(tb, err)
	resNet20 := models.CIFARResNet{Input: tensor.Shape{3, 32, 32}}.Spec()
	return []workload{
		{"SimpleConvNet", models.DefaultSimpleConvNet().Spec(), 100, 1000, "adam", solver.Config{}},
		{"LeNet", averagePoolLeNet(), 100, 1000, "adam", solver.Config{}},
		{"AlexNet", models.AlexNet{}.Spec(), 32, 32, "momentum", momentum},
		{"ResNet20", resNet20, 128, 1000, "momentum", momentum},
		{"ResNet18", resNet18, 16, 16, "momentum", momentum},
		{"MobileNetV2", models.MobileNetV2{}.Spec(), 16, 16, "momentum", momentum},
		{"SqueezeNet", models.SqueezeNet{}.Spec(), 16, 16, "momentum", momentum},
	}
}

// averagePoolLeNet is LeNet as PyTorch programs usually write it: all maps connected, plain average
// pooling.
func averagePoolLeNet() *graph.Spec {
	return graph.Sequential("lenet-average", tensor.Shape{1, 28, 28}, graph.Xavier(),
		graph.Conv2D{Filters: 6, Kernel: graph.Square(5), Pad: graph.Square(2)}, graph.Sigmoid{},
		graph.AvgPool{Kernel: graph.Square(2)},
		graph.Conv2D{Filters: 16, Kernel: graph.Square(5)}, graph.Sigmoid{}, graph.AvgPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 120}, graph.Sigmoid{}, graph.Affine{Units: 84}, graph.Sigmoid{}, graph.Affine{Units: 10},
		graph.Softmax{})
}

// BenchmarkTrainStep times forward, backward and the optimizer's update, and reports the heap in
// use: parameters, the optimizer's state, the arena of activations and gradients, the batch, and
// the kernels' scratch memory.
func BenchmarkTrainStep(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) {
			m, err := graph.New(w.spec)
			require.NoError(b, err)
			rule, err := solver.New(w.optimizer, w.config)
			require.NoError(b, err)
			step, err := m.NewStep(w.batch)
			require.NoError(b, err)
			defer step.Close()
			fillRandom(step.Images().Float32s())
			for i, targets := 0, step.Targets().Float32s(); i < w.batch; i++ {
				targets[i*m.Classes()+i%m.Classes()] = 1
			}
			one := func(i uint64) {
				_, err := step.Run(i)
				require.NoError(b, err)
				require.NoError(b, rule.Step(step.Gradients()))
			}
			one(0) // the first step makes the buffers that all later ones use
			b.ReportAllocs()
			for i := uint64(1); b.Loop(); i++ {
				one(i)
			}
			b.ReportMetric(heapMB(), "heap-MB")
			runtime.KeepAlive(rule)
		})
	}
}

// heapMB returns the heap in use, in 10⁶ bytes.
func heapMB() float64 {
	runtime.GC()
	runtime.GC() // what the first has left in pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc) / 1e6
}

// BenchmarkPredict1 times the logits of one image. Networks with BatchNorm are folded first, as
// `convgraph fold` does it.
func BenchmarkPredict1(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) { benchmarkPredict(b, w.spec, 1) })
	}
}

// BenchmarkPredictBatch times the logits of many images, folded in the same way.
func BenchmarkPredictBatch(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) { benchmarkPredict(b, w.spec, w.many) })
	}
}

func benchmarkPredict(b *testing.B, spec *graph.Spec, n int) {
	m, err := graph.New(spec)
	require.NoError(b, err)
	m = folded(b, m)
	images, logits := make([]float32, n*spec.Input.TotalSize()), make([]float32, n*m.Classes())
	fillRandom(images)
	require.NoError(b, m.PredictInto(logits, images))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, m.PredictInto(logits, images))
	}
}

// folded returns the model with its BatchNorms folded, if it has any.
func folded(b *testing.B, m *graph.Model) *graph.Model {
	if !slices.ContainsFunc(m.Nodes(), isBatchNorm) {
		return m
	}
	m, _, err := m.Folded()
	require.NoError(b, err)
	return m
}

func isBatchNorm(n *graph.Node) bool {
	_, is := n.Layer.(graph.BatchNorm)
	return is
}

func fillRandom(values []float32) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
}
