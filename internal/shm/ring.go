package shm

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// A ring carries bytes from one process to another. One goroutine writes and one reads.
type ring struct {
	written, read *atomic.Uint64 // all bytes so far
	data          []byte         // byte i is at i modulo the length
}

// The counters have a page of their own and lie apart, so that the two processes don't write to one
// line of the cache.
const (
	page   = 4096
	readAt = page / 2
)

// newRing returns the ring in memory that both processes map, zeros at first, from the start of a
// page.
func newRing(memory []byte) ring {
	return ring{
		written: (*atomic.Uint64)(unsafe.Pointer(&memory[0])),
		read:    (*atomic.Uint64)(unsafe.Pointer(&memory[readAt])),
		data:    memory[page:],
	}
}

// write copies as much of b as there is room for, and returns how much that is.
func (r *ring) write(b []byte) (int, error) {
	at := r.written.Load()
	used, err := r.used(at, r.read.Load())
	if err != nil {
		return 0, err
	}
	b = b[:min(len(b), len(r.data)-used)]
	start := int(at % uint64(len(r.data)))
	n := copy(r.data[start:], b)
	copy(r.data, b[n:])
	r.written.Store(at + uint64(len(b)))
	return len(b), nil
}

// take copies into b as much as has been written, and returns how much that is.
func (r *ring) take(b []byte) (int, error) {
	at := r.read.Load()
	used, err := r.used(r.written.Load(), at)
	if err != nil {
		return 0, err
	}
	b = b[:min(len(b), used)]
	start := int(at % uint64(len(r.data)))
	n := copy(b, r.data[start:])
	copy(b[n:], r.data)
	r.read.Store(at + uint64(len(b)))
	return len(b), nil
}

// used returns how many bytes are on their way. The other process may be broken.
func (r *ring) used(written, read uint64) (int, error) {
	if used := written - read; used <= uint64(len(r.data)) {
		return int(used), nil
	}
	return 0, fmt.Errorf("shared memory: got %d bytes written and %d read, want at most %d on their way",
		written, read, len(r.data))
}
