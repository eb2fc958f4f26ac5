package testdisk

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const kind = "tmpfs"

// New mounts a disk of so many bytes for the length of the test, which is skipped where that isn't allowed.
func New(t testing.TB, bytes int) (disk string) {
	t.Helper()
	disk = t.TempDir()
	if err := syscall.Mount(kind, disk, kind, 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("no disk of its own for this test: mount: %v (it takes root)", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return disk
}

// SetReadOnly makes a disk read-only, or writable again. No file on it may be open for writing.
func SetReadOnly(disk string, on bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount(kind, disk, kind, flags, "")
}

func free(t testing.TB, disk string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	require.NoError(t, syscall.Statfs(disk, &s))
	return int64(s.Bavail) * int64(s.Bsize)
}
