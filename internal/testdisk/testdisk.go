// Package testdisk gives a test what only some systems let it have: a file system of its own, small enough to fill, or a file that nobody may replace.
package testdisk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fill writes a file that leaves room for so many bytes on the disk; whoever removes it makes space.
func Fill(t testing.TB, disk string, room int64) (path string) {
	t.Helper()
	path = filepath.Join(disk, "filler")
	require.NoError(t, os.WriteFile(path, make([]byte, free(t, disk)-room), 0o644))
	return path
}
