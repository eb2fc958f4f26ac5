package kernel

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// guarded copies s to memory next to a protected page: before it if atEnd, else after it. A kernel
// that reads or writes past that edge crashes. Canaries on the other side are checked when the test
// ends.
func guarded[T Float](t testing.TB, s []T, atEnd bool) []T {
	t.Helper()
	page := unix.Getpagesize()
	width := int(unsafe.Sizeof(T(0)))
	size := (width*len(s) + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	require.NoError(t, unix.Mprotect(m[:page], unix.PROT_NONE))
	require.NoError(t, unix.Mprotect(m[page+size:], unix.PROT_NONE))
	words := unsafe.Slice((*T)(unsafe.Pointer(&m[page])), size/width)
	const canary = -12345.5
	for i := range words {
		words[i] = canary
	}
	first := 0
	if atEnd {
		first = len(words) - len(s)
	}
	end := first + len(s)
	copy(words[first:end], s)
	t.Cleanup(func() {
		for _, v := range append(words[:first:first], words[end:]...) {
			if v != canary {
				t.Errorf("a canary beside %d elements is %v", len(s), v)
				break
			}
		}
		require.NoError(t, unix.Munmap(m))
	})
	return words[first:end:end]
}
