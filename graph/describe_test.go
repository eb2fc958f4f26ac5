package graph_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// TestDescribe checks that every node has a name, belongs to its layer and comes after the nodes it
// reads.
func TestDescribe(t *testing.T) {
	m, err := graph.New(graph.Sequential("tiny", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Affine{Units: 3}, graph.Softmax{}))
	require.NoError(t, err)
	_, err = m.Describe(-1, false)
	require.EqualError(t, err, `model "tiny": batch: got -1, want 1 to 1048576`)
	for _, gradients := range []bool{false, true} {
		d, err := m.Describe(4, gradients)
		require.NoError(t, err)
		layers := map[string]int{}
		for i, n := range d.Nodes {
			require.Equal(t, i, n.ID)
			require.NotEmpty(t, n.Label)
			for _, in := range n.Inputs {
				require.Less(t, in, i)
			}
			layers[n.Layer]++
		}
		want := map[string]int{"": 1, "conv1": 3, "relu1": 1, "fc1": 4, "softmax1": 1}
		if gradients { // t and the constant 1 besides x; the gradients of conv1's weight and bias, …
			want = map[string]int{"": 3, "conv1": 5, "relu1": 2, "fc1": 8, "softmax1": 2}
		}
		require.Equal(t, want, layers)
	}
}

// TestDescribeBranches: the sum of the gradients at a fork belongs to the layer whose output forks,
// and is an op of ours.
func TestDescribeBranches(t *testing.T) {
	m := newModel(t, branchedNet())
	d, err := m.Describe(2, true)
	require.NoError(t, err)
	var sums []string
	for _, n := range d.Nodes {
		require.NotContains(t, n.Label, "+", "an op of gorgonia's")
		if n.Kind == graph.GradientValue && n.Label == "Add" {
			sums = append(sums, n.Layer)
			require.Greater(t, len(n.Inputs), 1)
		}
		if n.Kind == graph.GradientValue || n.Kind == graph.ParameterValue {
			require.NotEmpty(t, n.Layer, n.Label)
		}
	}
	require.ElementsMatch(t, strings.Fields("tanh1 residual.tanh1 inception.concat1"), sums)
}
