package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestGradcheckOfTiedWindows: filters of zeros make every window of the pooling tie. Reverse mode's
// gradients equal PyTorch's there, so none may be called wrong.
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
