package testutil

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const kind = "tmpfs"

const immutable = 0x10 // FS_IMMUTABLE_FL of linux/fs.h

// NewDisk mounts a file system of the given size for the duration of the test. It skips the test if
// that isn't allowed.
func NewDisk(t testing.TB, bytes int) (disk string) {
	t.Helper()
	disk = t.TempDir()
	if err := syscall.Mount(kind, disk, kind, 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("no file system for this test: mount: %v (it takes root)", err)
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

// MakeImmutable forbids writing, renaming and replacing a file for the rest of the test. It skips
// the test if that isn't allowed.
func MakeImmutable(t testing.TB, path string) {
	t.Helper()
	if err := setImmutable(path, true); err != nil {
		t.Skipf("no immutable file for this test: %v (it takes root and a file system that supports it)", err)
	}
	t.Cleanup(func() { require.NoError(t, setImmutable(path, false)) })
}

func setImmutable(path string, on bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	flags &^= immutable
	if on {
		flags |= immutable
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
}

func free(t testing.TB, disk string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	require.NoError(t, syscall.Statfs(disk, &s))
	return int64(s.Bavail) * int64(s.Bsize)
}
