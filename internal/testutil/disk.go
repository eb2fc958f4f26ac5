package testutil

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FillDisk writes a file that leaves the given number of free bytes on a disk. Removing the file
// frees the disk.
func FillDisk(t testing.TB, disk string, left int64) (path string) {
	t.Helper()
	path = filepath.Join(disk, "filler")
	require.NoError(t, os.WriteFile(path, make([]byte, free(t, disk)-left), 0o644))
	return path
}
