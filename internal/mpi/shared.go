//go:build mpi && (linux || darwin)

package mpi

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"unsafe"

	"convgraph/internal/shm"
)

// sharedVariable is the environment variable that keeps ranks of one machine from exchanging
// through its memory.
const sharedVariable = "CONVGRAPH_MPI_SHARED_MEMORY"

func checkShared() error {
	if text := os.Getenv(sharedVariable); !slices.Contains([]string{"", "yes", "no"}, text) {
		return fmt.Errorf("%s: got %q, want yes or no", sharedVariable, text)
	}
	return nil
}

// share lets the ranks exchange through the memory of their machine, if all run on one. MPI does
// the same within its library, but needs its thread for it, which takes the processor from the one
// that computes. If a rank can't share, for whatever reason, MPI carries all of them.
func (w *World) share() error {
	if w.ranks < 2 || w.ranks > shm.MaxRanks {
		return nil
	}
	segment, err := w.segment(shm.RingsSize(w.ranks), os.Getenv(sharedVariable) != "no")
	if segment != nil {
		w.carrier = segment.Peer(w.rank, w.ranks)
	}
	return err
}

// Common returns n bytes that all ranks see, zeros at first, or nil if they don't exchange through
// the memory of one machine, or it hasn't that much. See [convgraph/ops.Commons].
func (w *World) Common(n int) ([]byte, error) {
	peer, shares := w.carrier.(*shm.Peer)
	if !shares {
		return nil, nil
	}
	segment, err := w.segment(n, true)
	if segment == nil {
		return nil, err
	}
	peer.Share(segment.Bytes())
	return segment.Bytes(), nil
}

// segment returns memory of n bytes that all ranks see, or nil if one of them doesn't want it or
// can't have it.
func (w *World) segment(n int, wanted bool) (segment *shm.Segment, err error) {
	var offer shm.Offer
	if w.rank == 0 && wanted {
		if created, err := shm.Create(n); err == nil {
			defer created.Remove()
			segment, offer = created, created.Offer()
		}
	}
	if err := w.fromFirst(unsafe.Slice((*byte)(unsafe.Pointer(&offer)), unsafe.Sizeof(offer))); err != nil {
		return nil, err
	}
	if w.rank != 0 && wanted {
		segment, _ = shm.Open(offer, n)
	}
	shared, err := w.all(segment != nil)
	switch {
	case segment == nil:
		return nil, err
	case err != nil || !shared:
		return nil, errors.Join(err, segment.Close())
	}
	return segment, nil
}

// fromFirst replaces data by that of rank 0.
func (w *World) fromFirst(data []byte) error {
	at := slices.Repeat([]int{len(data)}, w.ranks+1)
	at[0] = 0
	return w.gather(data, at)
}

// all reports whether all ranks say yes.
func (w *World) all(yes bool) (bool, error) {
	answers, at := make([]byte, w.ranks), make([]int, w.ranks+1)
	for r := range at {
		at[r] = r
	}
	if yes {
		answers[w.rank] = 1
	}
	err := w.gather(answers, at)
	return !slices.Contains(answers, 0), err
}

// gather is a gather by the library that the watch doesn't count.
func (w *World) gather(data []byte, at []int) error {
	call, err := w.messages.BeginGather(data, at)
	if err != nil {
		return err
	}
	return w.messages.Finish(call)
}
