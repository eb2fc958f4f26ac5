package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
)

// TestFold folds a network with branches and predicts with the result.
func TestFold(t *testing.T) {
	params, out := saved(t, builtIn(t, "resnet20")), filepath.Join(t.TempDir(), "folded.safetensors")
	assert.Regexp(t,
		`^19 of 19 BatchNorm layers are folded; the logits of 8 random inputs differ by at most [0-9.]+e-\d\d, `+
			`the largest is [0-9.]+\n$`,
		succeed(t, "fold", params, "-o", out))
	var printed folding
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "fold", params, "-o", out, "-json")), &printed))
	assert.Len(t, printed.Folded, 19)
	assert.Equal(t, 19, printed.BatchNorms)
	assert.Greater(t, printed.Largest, 0.)
	assert.Less(t, printed.Difference, 1e-4*printed.Largest)

	m, err := graph.Load(out)
	require.NoError(t, err)
	assert.Zero(t, batchNorms(m))
	assert.NotContains(t, succeed(t, "summary", out), "BatchNorm")

	nothing := filepath.Join(t.TempDir(), "nothing.safetensors")
	fail(t, cli.Failed,
		`model "resnet20": nothing to fold: want a BatchNorm that is the only reader of a Conv2D or Affine layer`,
		"fold", out, "-o", nothing)
	assert.NoFileExists(t, nothing)
}
