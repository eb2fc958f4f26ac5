package graph_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// classifier is a network for (1,6,6) images with the given number of classes, on which only the
// last layer depends.
func classifier(classes int, last string) *graph.Spec {
	return graph.Sequential("classifier", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.ReLU{},
		graph.Affine{Units: 5}, graph.Affine{Name: last, Units: classes}, graph.Softmax{})
}

// TestLoadMatching copies the layers that match, from either element type, and leaves the others
// unchanged.
func TestLoadMatching(t *testing.T) {
	for _, c := range []struct {
		classes int
		last    string
		missing string
		fresh   int // parameters
	}{
		{4, "head", "", 0},
		{3, "head", "head.weight is (3, 5) here, (4, 5) there", 2},
		{4, "other", "no other.weight there", 2},
	} {
		from := newModel(t, classifier(4, "head"), graph.WithSeed(9), graph.WithDtype(tensor.Float64))
		for _, p := range from.Params() {
			p.Value.Float64s()[0] = 0.5 // biases, too, are others than at the start
		}
		m, untouched := newModel(t, classifier(c.classes, c.last)), newModel(t, classifier(c.classes, c.last))
		assert.Equal(t, []graph.Matched{{Layer: "conv1"}, {Layer: "fc1"}, {Layer: c.last, Missing: c.missing}},
			m.LoadMatching(from))
		taken := len(m.Params()) - c.fresh
		for i, p := range m.Params()[:taken] {
			for j, v := range from.Params()[i].Value.Float64s() {
				require.Equal(t, float32(v), p.Value.Float32s()[j], p.Name)
			}
		}
		for i, p := range m.Params()[taken:] {
			require.Equal(t, untouched.Params()[taken+i].Value.Float32s(), p.Value.Float32s(), p.Name)
		}
	}
}

// TestLoadMatchingIsByLayer: a bias that fits isn't copied if its weight doesn't fit.
func TestLoadMatchingIsByLayer(t *testing.T) {
	spec := func(features int) *graph.Spec {
		return graph.Sequential("one", tensor.Shape{features}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	}
	from, m := newModel(t, spec(3)), newModel(t, spec(4))
	from.Params()[1].Value.Float32s()[0] = 7
	assert.Equal(t, []graph.Matched{{Layer: "fc1", Missing: "fc1.weight is (2, 4) here, (2, 3) there"}},
		m.LoadMatching(from))
	requireSameParams(t, newModel(t, spec(4)), m)
}
