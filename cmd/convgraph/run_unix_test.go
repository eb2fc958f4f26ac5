//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRunWritesThroughLinksAndPipes: a link stays and its target is replaced; the reader of a pipe
// gets the bytes of a file.
func TestRunWritesThroughLinksAndPipes(t *testing.T) {
	params, dir := small(t), t.TempDir()
	plain, real := filepath.Join(dir, "plain.npz"), filepath.Join(dir, "real.npz")
	link, pipe := filepath.Join(dir, "current.npz"), filepath.Join(dir, "pipe")
	succeed(t, "run", params, "testdata/small_io.npz", "-o", plain)
	want, err := os.ReadFile(plain)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(real, []byte("old"), 0o644))
	require.NoError(t, os.Symlink("real.npz", link))
	succeed(t, "run", params, "testdata/small_io.npz", "-o", link)
	to, err := os.Readlink(link)
	require.NoError(t, err)
	assert.Equal(t, "real.npz", to)
	got, err := os.ReadFile(real)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan []byte)
	go func() {
		data, err := os.ReadFile(pipe)
		assert.NoError(t, err)
		read <- data
	}()
	succeed(t, "run", params, "testdata/small_io.npz", "-o", pipe)
	assert.Equal(t, want, <-read)
	info, err := os.Lstat(pipe)
	require.NoError(t, err)
	assert.Equal(t, os.ModeNamedPipe, info.Mode().Type())
}
