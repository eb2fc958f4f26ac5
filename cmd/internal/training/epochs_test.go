package training

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
)

// TestKeepEpochs expects the initial parameters and those of each epoch, the same if the training
// is resumed, and none of an earlier training.
func TestKeepEpochs(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	run := func(args ...string) {
		code, _, stderr := trainmnist(t, append(small, args...)...)
		require.Equal(t, cli.OK, code, stderr)
	}
	run("-quiet", "-keep-epochs", "-out", whole)
	run("-quiet", "-keep-epochs", "-out", parts, "-epochs", "3")
	assert.Len(t, epochFiles(t, parts), 4)
	run("-quiet", "-keep-epochs", "-out", parts, "-epochs", "1")
	assert.Len(t, epochFiles(t, parts), 2)
	run("-quiet", "-keep-epochs", "-out", parts, "-resume")

	want := epochFiles(t, whole)
	assert.Equal(t, want, epochFiles(t, parts))
	require.Len(t, want, 3)
	params, err := os.ReadFile(filepath.Join(whole, "params.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, string(params), want["epoch-002.safetensors"])
	before, err := graph.Load(filepath.Join(whole, "epochs", "epoch-000.safetensors"))
	require.NoError(t, err)
	untrained, err := graph.New(before.Spec(), graph.WithSeed(1))
	require.NoError(t, err)
	assert.Equal(t, untrained.Params()[0].Value.Float32s(), before.Params()[0].Value.Float32s())

	run("-quiet", "-out", parts, "-epochs", "1")
	assert.Empty(t, epochFiles(t, parts), "another training's epochs don't stay")
}

// epochFiles are the contents of the epochs' files by their names.
func epochFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "epochs", "*"))
	require.NoError(t, err)
	files := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(path)] = string(data)
	}
	return files
}
