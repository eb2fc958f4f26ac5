package pretrained_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/pretrained"
)

func TestLoadNamesTheImportOfAnotherProgramsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.ONNX")
	_, err := pretrained.Load(path)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("\x08\x07\x12\x07pytorch"), 0o644))
	_, err = pretrained.Load(path)
	assert.EqualError(t, err,
		path+": got another program's file, want a parameter file of convgraph: \"convgraph import "+path+
			" -o params.safetensors\" makes one")
}
