package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/file"
)

// TestMkdirAll makes what is missing, from an absolute and from a relative path, and refuses a file
// in the way. What it flushes the training's test of power cuts sees.
func TestMkdirAll(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"a", "a", "a/b/c", filepath.Join(t.TempDir(), "d", "e"), "f/../g/"} {
		require.NoError(t, file.MkdirAll(path), path)
		assert.DirExists(t, path)
	}
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	assert.Error(t, file.MkdirAll("file/x"))
	assert.Error(t, file.MkdirAll("file"))
}
