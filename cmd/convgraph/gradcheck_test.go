package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/internal/testutil"
	"convgraph/models"
)

// TestGradcheckOfBranches checks small relatives of built-in networks with branches and BatchNorm.
// Running statistics have no gradients.
func TestGradcheckOfBranches(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("float64 arithmetic is too slow with the race detector, which leaves out package models, too")
	}
	for _, name := range []string{"resnet20", "squeezenet1_1"} {
		said := succeed(t, "gradcheck", name)
		assert.NotContains(t, said, "WRONG", name)
		assert.NotContains(t, said, "running_mean", name)
		assert.Regexp(t, `
(layer1\.0\.conv1|features\.0)\.weight +\[`, said)
	}
}

// TestGradcheckOfSecondDerivatives checks Hessian-vector products of small built-in networks.
func TestGradcheckOfSecondDerivatives(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("float64 arithmetic is too slow with the race detector")
	}
	said := succeed(t, "gradcheck", "-second", "-directions", "1", "simpleconvnet")
	assert.Contains(t, said, "second derivatives in the other order: ")
	assert.NotContains(t, said, "WRONG")
}

// TestGradcheckTakesEveryBuiltIn builds what gradcheck all checks, in a batch of one.
func TestGradcheckTakesEveryBuiltIn(t *testing.T) {
	for _, name := range models.Names() {
		m, err := (&gradCheck{Model: name}).model(name)
		require.NoError(t, err, name)
		step, err := m.NewStep(1)
		require.NoError(t, err, name)
		require.NoError(t, step.Close(), name)
	}
}

// TestGradcheckOfTiedWindows: with filters of zeros, all values of each pooling window are equal.
// Reverse mode's gradients equal PyTorch's there, so none may be reported as wrong.
func TestGradcheckOfTiedWindows(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "ties.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name": "ties", "input": [1, 8, 8], "layers": [
		{"kind": "conv2d", "filters": 2, "kernel": 3, "init": 0, "bias": 0.5}, {"kind": "max_pool", "kernel": 2},
		{"kind": "affine", "units": 3}, {"kind": "softmax"}]}`), 0o644))
	code, stdout, stderr := convgraph("gradcheck", spec)
	require.Equal(t, cli.Failed, code)
	require.Contains(t, stderr, `"conv1.weight": 18 of 18 comparisons are at kinks`)
	require.NotContains(t, stdout, "WRONG")
}
