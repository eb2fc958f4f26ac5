package ops

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestSplitRefuses: BatchNorm needs the statistics of the whole batch, and parts of a batch are
// float32.
func TestSplitRefuses(t *testing.T) {
	turns, err := NewPart(4, 2, nil)
	require.NoError(t, err)
	y := normalized(t, tensor.Float32)
	assert.ErrorContains(t, Split(y.Op(), turns), "turns: got 2, want 1")
	whole, err := NewPart(4, 1, nil)
	require.NoError(t, err)
	assert.NoError(t, Split(y.Op(), whole))
	assert.ErrorContains(t, Split(normalized(t, tensor.Float64).Op(), whole),
		"part of a batch: got float64, want float32")
	sum := G.Must(G.Sum(y))
	assert.ErrorContains(t, Split(sum.Op(), whole), "want an op of this package")
}

// normalized is BatchNorm of a batch of two images, a part of four.
func normalized(t *testing.T, dt tensor.Dtype) *G.Node {
	t.Helper()
	g := G.NewGraph()
	node := func(name string, shape ...int) *G.Node {
		return G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName(name))
	}
	y, _, _, err := BatchNorm(node("x", 2, 3, 4, 4), node("weight", 3), node("bias", 3), 1e-5)
	require.NoError(t, err)
	return y
}
