package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/solver"
)

// BenchmarkOverfit trains the full-size AlexNet, dropout and all, on 16 images of noise until its
// loss in prediction is below 0.05, and reports the steps that took. It is too long for a test; run
// it with -benchtime 1x.
func BenchmarkOverfit(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(learnByHeart(b)), "steps")
	}
}

func learnByHeart(t testing.TB) (steps int) {
	const batch, mostSteps = 16, 200
	spec := models.AlexNet{}.Spec()
	spec.Init = graph.He() // the paper's small weights need thousands of steps to begin with
	m, err := graph.New(spec)
	require.NoError(t, err)
	adam, err := solver.New("adam", solver.Config{LR: 1e-4})
	require.NoError(t, err)
	step, err := m.NewStep(batch)
	require.NoError(t, err)
	defer step.Close()
	fillRandom(step.Images().Float32s())
	labels := make([]float32, batch)
	for i := range labels {
		labels[i] = float32(i * 60)
		step.Targets().Float32s()[i*m.Classes()+i*60] = 1
	}
	target := tensor.New(tensor.WithShape(batch), tensor.WithBacking(labels))
	for i := range mostSteps {
		_, err := step.Run(uint64(i))
		require.NoError(t, err)
		require.NoError(t, adam.Step(step.Gradients()))
		if i%10 != 9 {
			continue
		}
		loss, err := m.Loss(step.Images(), target)
		require.NoError(t, err)
		t.Logf("step %d: loss %.3g", i+1, loss)
		if loss < 0.05 {
			return i + 1
		}
	}
	t.Fatalf("the loss is not below 0.05 after %d steps", mostSteps)
	return 0
}
