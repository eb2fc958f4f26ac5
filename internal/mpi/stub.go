//go:build !mpi || !(linux || darwin)

package mpi

import "errors"

// World is all processes of the run. Without the tag mpi there is none, and its methods aren't
// called.
type World struct{}

// ErrNotBuilt is what Start returns in a program without MPI.
var ErrNotBuilt = errors.New("this program is built without MPI: " +
	"want one of CGO_ENABLED=0 go build -tags mpi ./cmd/trainmnist, on Linux or macOS")

// Start fails.
func Start() (*World, error) { return nil, ErrNotBuilt }

// Rank returns the only process.
func (*World) Rank() (rank, ranks int) { return 0, 1 }

// BeginGather returns an error.
func (*World) BeginGather([]byte, []int) (int, error) { return 0, ErrNotBuilt }

// BeginExchange returns an error.
func (*World) BeginExchange([]byte, []int, []byte, []int) (int, error) { return 0, ErrNotBuilt }

// Finish returns an error.
func (*World) Finish(int) error { return ErrNotBuilt }

// Library returns nothing.
func (*World) Library() string { return "" }

// AllowLongWait does nothing.
func (*World) AllowLongWait() {}

// NamePanic does nothing.
func (*World) NamePanic() {}

// Exit does nothing.
func (*World) Exit(int) {}

// Abort does nothing.
func (*World) Abort(int) {}
