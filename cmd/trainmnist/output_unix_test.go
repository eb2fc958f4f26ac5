//go:build unix

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLockThatWasRemoved: who opened the lock's file before it was removed, and took it after, takes the one that has the name now. Windows removes
// no file that is open.
func TestLockThatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	first, err := newOutput(dir)
	require.NoError(t, err)
	require.NoError(t, os.Remove(first.lock.Path()))
	second, err := newOutput(dir)
	require.NoError(t, err)

	free, err := first.take() // its own file is still locked, but by a name that is gone
	require.NoError(t, err)
	assert.False(t, free)
	require.NoError(t, second.close())
}
