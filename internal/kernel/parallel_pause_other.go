//go:build !amd64 || purego

package kernel

import "sync/atomic"

var pauseWord atomic.Int64

// spinPause waits some tens of nanoseconds.
func spinPause() {
	for range 32 {
		pauseWord.Load()
	}
}
