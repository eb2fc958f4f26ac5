//go:build amd64 && !purego

package kernel

// spinPause waits some tens of nanoseconds by an instruction that leaves the core's resources to
// its other thread.
func spinPause() { pause() }
