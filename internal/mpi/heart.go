//go:build mpi && (linux || darwin)

package mpi

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// beatEvery is the time between two heartbeats.
const beatEvery = 250 * time.Millisecond

// silence is how long a rank may send no heartbeats before it counts as hung. With the two seconds
// that a launcher takes to end the others, all have ended within 10 s on a busy machine, too.
var silence = durationOf(silenceVariable, 6*time.Second)

const silenceVariable = "CONVGRAPH_MPI_SILENCE"

// heart sends heartbeats to the next rank and receives those of the one before, so the ranks are a
// ring. It works on MPI's thread.
//
// A heartbeat holds the number of calls that each rank has made, as far as the sender knows, and
// then whether the sender is leaving.
type heart struct {
	w            *World
	before, next int

	out, in            []uint64
	sending, receiving uint64 // MPI's requests

	last, due  time.Time     // when tick worked, and when it works again
	quiet      time.Duration // time since the last heartbeat of the rank before
	busy       bool          // out is being sent
	leaving    bool          // the next heartbeat is the last one
	ending     bool          // out is the last heartbeat
	beforeLeft bool          // in is the last heartbeat of the rank before

	mu    sync.Mutex
	calls []uint64 // that each rank has made
}

func newHeart(w *World) *heart {
	h := &heart{
		w: w, before: (w.rank + w.ranks - 1) % w.ranks, next: (w.rank + 1) % w.ranks,
		out: make([]uint64, w.ranks+1), in: make([]uint64, w.ranks+1), calls: make([]uint64, w.ranks),
	}
	if w.ranks > 1 {
		h.check("MPI_Irecv", h.receive())
	}
	return h
}

// tick does what is due: it takes the heartbeats that have arrived, and sends one.
func (h *heart) tick(now time.Time) {
	if h.w.ranks == 1 || now.Before(h.due) {
		return
	}
	if h.last.IsZero() {
		h.last = now
	}
	h.quiet += min(now.Sub(h.last), 2*beatEvery) // a process that was stopped itself heard nobody
	h.last, h.due = now, now.Add(beatEvery)
	for h.take() {
		h.quiet = 0
	}
	if h.quiet > silence && !h.beforeLeft {
		fmt.Fprintf(os.Stderr,
			"rank %d of %d hangs: it has sent no heartbeat for %v, want less than %v (%s); rank %d %s\n",
			h.before, h.w.ranks, h.quiet.Round(time.Second/10), silence, silenceVariable, h.w.rank, h.w.watch.doing())
		h.w.abort(1)
	}
	h.send()
}

// take reports whether a heartbeat has arrived.
func (h *heart) take() bool {
	if h.beforeLeft {
		return false
	}
	done, code := h.w.lib.test(&h.receiving)
	h.check("heartbeat", code)
	if !done {
		return false
	}
	h.mu.Lock()
	for r := range h.calls {
		h.calls[r] = max(h.calls[r], h.in[r])
	}
	h.mu.Unlock()
	if h.beforeLeft = h.in[h.w.ranks] != 0; !h.beforeLeft {
		h.check("MPI_Irecv", h.receive())
	}
	return true
}

// send sends a heartbeat, unless the last one is still on its way.
func (h *heart) send() {
	if h.busy {
		done, code := h.w.lib.test(&h.sending)
		h.check("heartbeat", code)
		h.busy = !done
	}
	if h.busy || h.ending {
		return
	}
	h.mu.Lock()
	h.calls[h.w.rank] = h.w.watch.made()
	copy(h.out, h.calls)
	h.mu.Unlock()
	if h.leaving {
		h.out[h.w.ranks], h.ending = 1, true
	}
	h.busy = true
	l := h.w.lib
	h.check("MPI_Isend", l.isend(unsafe.Pointer(&h.out[0]), int32(8*len(h.out)), l.byte,
		int32(h.next), beatTag, l.world, &h.sending))
}

// beatTag marks heartbeats. There are no other messages between two ranks.
const beatTag = 1

func (h *heart) receive() int32 {
	l := h.w.lib
	return l.irecv(unsafe.Pointer(&h.in[0]), int32(8*len(h.in)), l.byte,
		int32(h.before), beatTag, l.world, &h.receiving)
}

// check ends the run if a call failed.
func (h *heart) check(name string, code int32) {
	if code == 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "rank %d of %d: mpi: %s: %s\n", h.w.rank, h.w.ranks, name, h.w.lib.errorOf(code))
	h.w.abort(1)
}

// leave makes the next heartbeat the last one.
func (h *heart) leave() { h.leaving, h.due = true, time.Time{} }

// left reports whether this rank and the one before have sent their last heartbeats.
func (h *heart) left() bool {
	return h.w.ranks == 1 || h.ending && !h.busy && h.beforeLeft
}

// behind names the ranks that haven't made a call yet.
func (h *heart) behind(call uint64) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for r, made := range h.calls {
		if made < call && r != h.w.rank {
			names = append(names, fmt.Sprintf("rank %d (it has made %d)", r, made))
		}
	}
	if names == nil {
		return "the others"
	}
	return strings.Join(names, ", ")
}
