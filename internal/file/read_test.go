package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/file"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("content"), 0o600))
	data, err := file.Read(path)
	require.NoError(t, err)
	assert.Equal(t, "content", string(data))

	require.NoError(t, os.WriteFile(path, []byte("\xef\xbb\xbftext\xef\xbb\xbf"), 0o600))
	data, err = file.ReadText(path)
	require.NoError(t, err)
	assert.Equal(t, "text\xef\xbb\xbf", string(data))

	_, err = file.Read(filepath.Dir(path))
	assert.ErrorContains(t, err, filepath.Dir(path))
	_, err = file.Read(path + "-missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
