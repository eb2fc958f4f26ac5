//go:build !linux

package testdisk

import (
	"errors"
	"testing"
)

// New skips the test: only Linux has the disks.
func New(t testing.TB, bytes int) (disk string) {
	t.Helper()
	t.Skip("no disk of its own for this test: that takes Linux")
	return ""
}

// SetReadOnly is for the disks that New doesn't make here.
func SetReadOnly(disk string, on bool) error { return errors.ErrUnsupported }

// Freeze skips the test: only Linux has such files.
func Freeze(t testing.TB, path string) {
	t.Helper()
	t.Skip("no immutable file for this test: that takes Linux")
}

func free(t testing.TB, disk string) int64 {
	t.Helper()
	t.Fatal(errors.ErrUnsupported)
	return 0
}
