package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestCurvature looks for the sharpest directions of a small trained network.
func TestCurvature(t *testing.T) {
	const params = "../../web/inspect/default/epoch-007.safetensors"
	picture := filepath.Join(t.TempDir(), "curvature.png")
	said := succeed(t, "curvature", params, "-images", "20", "-top", "2", "-steps", "12", "-o", picture)
	assert.Contains(t, said, "loss 0.0")
	assert.Contains(t, said, "eigenvalue")
	assert.FileExists(t, picture)

	var r curvatureReport
	said = succeed(t, "curvature", params, "-images", "20", "-top", "2", "-steps", "12", "-json")
	require.NoError(t, json.Unmarshal([]byte(said), &r))
	require.Len(t, r.Eigenvalues, 2)
	assert.Greater(t, r.Eigenvalues[0].Value, r.Eigenvalues[1].Value)
	for _, e := range r.Eigenvalues {
		assert.Greater(t, e.Value, 0.0)
		assert.Less(t, e.Bound, 0.05*e.Value)
		assert.Len(t, e.Losses, len(r.Distances))
	}

	code, _, stderr := convgraph("curvature", params, "-top", "5", "-steps", "3")
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, "-top and -steps: got 5 and 3")
}
