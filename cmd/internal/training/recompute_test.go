package training

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestRecompute expects the same parameters and running statistics from a training that computes
// layers again.
func TestRecompute(t *testing.T) {
	dir := t.TempDir()
	train := func(name string, flags ...string) map[string][]float32 {
		out := filepath.Join(dir, name)
		code, _, stderr := trainmnist(t, slices.Concat(normalized(t), flags, []string{"-epochs", "1", "-out", out})...)
		require.Equal(t, cli.OK, code, stderr)
		code, _, stderr = trainmnist(t, "-quiet", "-out", out, "-resume", "-epochs", "2")
		require.Equal(t, cli.OK, code, stderr)
		return parameters(t, filepath.Join(out, "params.safetensors"))
	}
	assert.Equal(t, train("keeps"), train("again", "-recompute", "conv1,bn1,relu1"))

	code, _, stderr := trainmnist(t,
		append(normalized(t), "-recompute", "layer1", "-out", filepath.Join(dir, "none"))...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, `no layer's name matches "layer1"`)
}
