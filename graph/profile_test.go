package graph_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

func TestProfileOfATrainingStep(t *testing.T) {
	m := newModel(t, graph.Sequential("branched", tensor.Shape{2, 9, 9}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3)}, graph.BatchNorm{}, graph.ReLU{},
		graph.Residual(graph.Serial(graph.Conv2D{Filters: 4, Kernel: graph.Square(3), Pad: graph.Square(1)},
			graph.ReLU{})),
		graph.Flatten{}, graph.Affine{Units: 3}, graph.Softmax{}))
	before := values(m)
	p, err := m.Profile(5, 0)
	require.NoError(t, err)
	assert.Equal(t, before, values(m), "parameters and running statistics are as they were")
	assert.True(t, p.Training)
	assert.Equal(t, 5, p.Images)
	assert.GreaterOrEqual(t, p.Rounds, 3)

	rows, seconds := map[string]graph.LayerProfile{}, 0.
	for _, l := range p.Layers {
		rows[l.Name] = l
		seconds += l.Total().Seconds
	}
	assert.InDelta(t, p.Seconds, seconds, 1e-12)
	require.Len(t, rows, 8)
	for _, name := range []string{"conv1", "bn1+relu1", "conv2+relu2", "add1", "flatten1", "fc1", "(loss)",
		"(sums at forks)"} {
		require.Contains(t, rows, name)
	}

	assert.EqualValues(t, 5*7*7*4*2*9, rows["conv1"].Forward.MultiplyAdds)
	assert.Zero(t, rows["conv1"].Data, "the images need no gradient")
	assert.EqualValues(t, 5*7*7*4*4*9, rows["conv2+relu2"].Data.MultiplyAdds)
	assert.EqualValues(t, 5*7*7*4*2*9, rows["conv1"].Weights.MultiplyAdds)
	assert.EqualValues(t, 4*(2*9*9*5+4*2*9+4+5*4*7*7), rows["conv1"].Forward.Bytes)
	for _, work := range []graph.Work{rows["bn1+relu1"].Weights, rows["conv2+relu2"].Data, rows["fc1"].Weights,
		rows["(loss)"].Data} {
		assert.Positive(t, work.Seconds)
		assert.Positive(t, work.Bytes)
	}
	assert.Zero(t, rows["flatten1"].Total().Bytes, "it only names the same memory differently")
}

// TestProfileOfForks: the sums of gradients at forks have their own row.
func TestProfileOfForks(t *testing.T) {
	m := newModel(t, graph.Sequential("fork", tensor.Shape{2, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3)}, graph.ReLU{},
		graph.Branches(graph.Concat{}, graph.Conv2D{Filters: 4, Kernel: graph.Square(1)},
			graph.Conv2D{Filters: 2, Kernel: graph.Square(1)}),
		graph.Affine{Units: 3}, graph.Softmax{}))
	p, err := m.Profile(2, 0)
	require.NoError(t, err)
	last := p.Layers[len(p.Layers)-1]
	assert.Zero(t, p.Layers[0].Data.MultiplyAdds, "the images need no gradient; the rectifier has one")
	assert.Equal(t, "(sums at forks)", last.Name)
	assert.Equal(t, graph.Work{Seconds: last.Data.Seconds, Bytes: 4 * 3 * 2 * 4 * 4 * 4}, last.Data)
}

// TestProfileOfAPrediction: a model with nothing to train only runs forward.
func TestProfileOfAPrediction(t *testing.T) {
	m := newModel(t, graph.Sequential("fixed", tensor.Shape{1, 6, 6}, graph.He(),
		graph.MaxPool{Kernel: graph.Square(2)}, graph.Flatten{}, graph.Softmax{}))
	p, err := m.Profile(3, 0)
	require.NoError(t, err)
	assert.False(t, p.Training)
	require.Len(t, p.Layers, 2)
	assert.Positive(t, p.Layers[0].Forward.Bytes)
	assert.Zero(t, p.Layers[0].Data)

	_, err = m.Profile(0, 0)
	assert.ErrorContains(t, err, "batch: got 0")
}

// values copies the values of all parameters.
func values(m *graph.Model) (all []any) {
	for _, p := range m.Params() {
		all = append(all, p.Value.Clone().(*tensor.Dense).Data())
	}
	return all
}
