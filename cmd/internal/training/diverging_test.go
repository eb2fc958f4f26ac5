package training

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestDivergedButFiniteWarns on stderr, even with -quiet. A healthy training doesn't.
func TestDivergedButFiniteWarns(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "flat.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name":"flat","input":[1,6,6],"layers":[
		{"kind":"affine","units":10},{"kind":"softmax"}]}`), 0o644))
	args := append(tinyTraining(t, 8), "-quiet", "-model", spec, "-epochs", "3", "-optimizer", "sgd", "-out")
	for rate, warns := range map[string]bool{"1000": true, "0.01": false} {
		said := captureStderr(t, func() {
			code, _, stderr := trainmnist(t, append(args, t.TempDir(), "-lr", rate)...)
			assert.Equal(t, cli.OK, code, stderr)
		})
		if !warns {
			assert.NotContains(t, said, "warning")
			continue
		}
		assert.Contains(t, said, "warning: the training seems to have diverged in epoch 1: the mean loss is ")
		assert.Contains(t, said, "a smaller learning rate may help\n")
	}
}
