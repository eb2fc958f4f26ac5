//go:build !mpi || !(linux || darwin)

package mpi

import "errors"

// World is all processes of the run. There is none without the tag mpi.
type World struct{}

// ErrNotBuilt is what Start returns in a program without MPI.
var ErrNotBuilt = errors.New("this program is built without MPI: want one of CGO_ENABLED=0 go build -tags mpi ./cmd/trainmnist, on Linux or macOS")

// Start fails.
func Start() (*World, error) { return nil, ErrNotBuilt }

// Rank isn't reached, like all methods.
func (*World) Rank() (rank, ranks int) { return 0, 1 }

// Gather returns an error.
func (*World) Gather([]byte, []int) error { return ErrNotBuilt }

// Exchange returns an error.
func (*World) Exchange([]byte, []int, []byte, []int) error { return ErrNotBuilt }

// Library is empty.
func (*World) Library() string { return "" }

// AllowLongWait does nothing.
func (*World) AllowLongWait() {}

// Exit does nothing.
func (*World) Exit(int) {}

// Abort does nothing.
func (*World) Abort(int) {}
