package training

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
)

// TestInitFromSqueezeNet fine-tunes the network that comes with the program.
func TestInitFromSqueezeNet(t *testing.T) {
	c := &Command{InitFrom: "squeezenet", Head: true, Quiet: true}
	require.NoError(t, c.loadBase())
	assert.Equal(t, "squeezenet1_0", c.base.Spec().Name)
	spec, err := c.fineTuned(4)
	require.NoError(t, err)
	m, err := graph.New(spec)
	require.NoError(t, err)
	assert.Equal(t, 4, m.Classes())
	require.NoError(t, c.loadMatching(m, nil))
	for _, name := range []string{"features.0.weight", "features.12.expand3x3.bias"} {
		want, err := c.base.Param(name)
		require.NoError(t, err)
		got, err := m.Param(name)
		require.NoError(t, err)
		assert.Equal(t, want.Data(), got.Data(), name)
	}
	assert.Equal(t, c.base.Spec().Preprocess, spec.Preprocess)
}
