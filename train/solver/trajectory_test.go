package solver_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/train/solver"
)

// TestTrajectories makes 50 steps with every optimizer on a small convolutional network, as a
// gorgonia.Solver. Each loss and the final parameters match, to 1e-9, those from PyTorch's
// gradients and the book's formulas in NumPy (testdata/trajectories.py).
func TestTrajectories(t *testing.T) {
	var traces struct {
		Batch          int
		Images, Labels []float64
		Initial        map[string][]float64
		Runs           []struct {
			Optimizer string
			Config    solver.Config
			Losses    []float64
			Final     map[string][]float64
		}
	}
	readJSON(t, "trajectories.json.gz", &traces)
	var optimizers []string
	for _, run := range traces.Runs {
		optimizers = append(optimizers, run.Optimizer)
		t.Run(run.Optimizer, func(t *testing.T) {
			m := smallNet(t, traces.Initial)
			var s G.Solver = mustNew(t, run.Optimizer, run.Config)
			step, err := m.NewStep(traces.Batch)
			require.NoError(t, err)
			defer step.Close()
			require.Len(t, run.Losses, 50)
			for i, want := range run.Losses {
				fill(step, traces.Images, traces.Labels, i*traces.Batch)
				loss, err := step.Run(uint64(i))
				require.NoError(t, err)
				require.InDelta(t, want, loss, 1e-9, "loss of step %d", i+1)
				require.NoError(t, s.Step(step.Gradients()))
			}
			for _, p := range m.Params() {
				require.InDeltaSlice(t, run.Final[p.Name], p.Value.Float64s(), 1e-9, p.Name)
			}
		})
	}
	assert.Equal(t, solver.Names(), optimizers)
}

// smallNet is the network of trajectories.py.
func smallNet(t *testing.T, params map[string][]float64) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("small", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 3, Kernel: graph.Square(3)}, graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 8}, graph.Sigmoid{}, graph.Affine{Units: 4}, graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	require.Len(t, params, len(m.Params()))
	for _, p := range m.Params() {
		require.Equal(t, len(params[p.Name]), copy(p.Value.Float64s(), params[p.Name]), p.Name)
	}
	return m
}

// fill writes the batch of the images from first on, wrapping around at the end of the set.
func fill(step *graph.Step, images, labels []float64, first int) {
	x, targets := step.Images().Float64s(), step.Targets().Float64s()
	size, n := len(images)/len(labels), len(x)*len(labels)/len(images)
	clear(targets)
	for i := range n {
		k := (first + i) % len(labels)
		for j, v := range images[k*size : (k+1)*size] {
			x[i*size+j] = v / 255
		}
		targets[i*len(targets)/n+int(labels[k])] = 1
	}
}
