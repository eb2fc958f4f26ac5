//go:build !linux

package testutil

import (
	"errors"
	"testing"
)

// NewDisk skips the test: it needs Linux.
func NewDisk(t testing.TB, bytes int) (disk string) {
	t.Helper()
	t.Skip("no file system for this test: it takes Linux")
	return ""
}

// SetReadOnly is unsupported on this system.
func SetReadOnly(disk string, on bool) error { return errors.ErrUnsupported }

// MakeImmutable skips the test: it needs Linux.
func MakeImmutable(t testing.TB, path string) {
	t.Helper()
	t.Skip("no immutable file for this test: it takes Linux")
}

func free(t testing.TB, disk string) int64 {
	t.Helper()
	t.Fatal(errors.ErrUnsupported)
	return 0
}
