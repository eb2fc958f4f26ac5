package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOutputRemovesLeftovers: what a killed program left half-written goes, everything else stays.
func TestOutputRemovesLeftovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lr[0.1]*") // a name that is no pattern
	require.NoError(t, os.MkdirAll(filepath.Join(dir, epochsFolder), 0o755))
	stays := []string{"checkpoint-00000003.safetensors", "history.csv", ".hidden", "epochs/epoch-001.safetensors"}
	leftovers := []string{".probe-17", ".checkpoint-00000004.safetensors123", ".history.csv9", ".filters-before.png1", "epochs/.epoch-002.safetensors7"}
	for _, name := range append(stays, leftovers...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	o, err := newOutput(dir)
	require.NoError(t, err)
	require.NoError(t, o.close())
	for _, name := range stays {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	for _, name := range leftovers {
		assert.NoFileExists(t, filepath.Join(dir, name))
	}
	assert.FileExists(t, filepath.Join(dir, ".lock"))
}
