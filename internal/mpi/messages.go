//go:build mpi && (linux || darwin)

package mpi

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"
)

// messages are the library's operations. Its exported methods are called by the goroutine that
// computes, the others on MPI's thread.
type messages struct {
	w      *World
	all    []*operation // by call
	free   []int        // calls that are finished
	begins chan *operation
	waits  atomic.Bool // Finish waits

	active  []*operation // those that the thread polls
	isEnded func(*operation) bool
}

func newMessages(w *World) *messages {
	m := &messages{w: w, begins: make(chan *operation, 16)}
	m.isEnded = m.ended // stored once, because a method value for each poll would allocate
	return m
}

// operation is an operation of all processes on its way.
type operation struct {
	name          string
	gathers       bool
	send, receive []byte
	request       uint64
	end           chan error

	counts, at, receiveCounts, receiveAt []int32
}

// BeginGather begins to complete data, of which process r has filled in data[at[r]:at[r+1]].
func (m *messages) BeginGather(data []byte, at []int) (call int, err error) {
	call, o := m.take("MPI_Iallgatherv")
	if err := split(at, o.counts, o.at); err != nil {
		m.free = append(m.free, call)
		return 0, err
	}
	o.gathers, o.receive = true, data
	m.begins <- o
	return call, nil
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to process r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (m *messages) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error) {
	call, o := m.take("MPI_Ialltoallv")
	if err := errors.Join(split(sendAt, o.counts, o.at), split(receiveAt, o.receiveCounts, o.receiveAt)); err != nil {
		m.free = append(m.free, call)
		return 0, err
	}
	o.gathers, o.send, o.receive = false, send, receive
	m.begins <- o
	return call, nil
}

// take returns an operation for the next call.
func (m *messages) take(name string) (call int, o *operation) {
	if n := len(m.free); n > 0 {
		call, m.free = m.free[n-1], m.free[:n-1]
	} else {
		call = len(m.all)
		m.all = append(m.all, m.newOperation())
	}
	o = m.all[call]
	o.name = name
	return call, o
}

func (m *messages) newOperation() *operation {
	o := &operation{end: make(chan error, 1)}
	for _, s := range []*[]int32{&o.counts, &o.at, &o.receiveCounts, &o.receiveAt} {
		*s = make([]int32, m.w.ranks)
	}
	return o
}

// Finish waits until a call is complete. Several calls may be on their way at once.
func (m *messages) Finish(call int) error {
	o := m.all[call]
	m.waits.Store(true)
	err := <-o.end
	m.waits.Store(false)
	o.send, o.receive = nil, nil
	m.free = append(m.free, call)
	return err
}

// split writes offsets as MPI's counts and displacements.
func split(offsets []int, counts, at []int32) error {
	if end := offsets[len(offsets)-1]; end > math.MaxInt32 {
		return fmt.Errorf("mpi: message of %d bytes: want at most %d", end, math.MaxInt32)
	}
	for r := range counts {
		counts[r], at[r] = int32(offsets[r+1]-offsets[r]), int32(offsets[r])
	}
	return nil
}

// begin begins an operation on MPI's thread.
func (m *messages) begin(o *operation) {
	l, code := m.w.lib, int32(0)
	if o.gathers {
		code = l.iallgatherv(l.inPlace, 0, l.byte,
			address(o.receive), &o.counts[0], &o.at[0], l.byte, l.world, &o.request)
	} else {
		code = l.ialltoallv(address(o.send), &o.counts[0], &o.at[0], l.byte,
			address(o.receive), &o.receiveCounts[0], &o.receiveAt[0], l.byte, l.world, &o.request)
	}
	if code != 0 {
		o.end <- m.w.failure(o.name, code)
		return
	}
	m.active = append(m.active, o)
}

// The thread polls without a pause for spinFor after the process has begun to wait for an
// operation, and for spinBriefly after it has begun one, for which it mostly waits at once. Then it
// polls every pollEvery: a rank that waits for a slower one, or computes meanwhile, leaves the
// processor to others.
const (
	spinFor     = 2 * time.Millisecond
	spinBriefly = 50 * time.Microsecond
	pollEvery   = 20 // microseconds
)

// poll polls the operations on their way until all are complete, and begins others.
func (m *messages) poll() {
	waited, until := false, time.Now().Add(spinBriefly)
	for len(m.active) > 0 {
		m.active = slices.DeleteFunc(m.active, m.isEnded)
		now := time.Now()
		m.w.heart.tick(now)
		waits := m.waits.Load()
		if waits && !waited {
			until = now.Add(spinFor)
		}
		waited = waits
		if now.After(until) {
			m.w.lib.usleep(pollEvery)
		}
		select {
		case o := <-m.begins:
			m.begin(o)
			until = now.Add(spinBriefly)
		case code := <-m.w.aborts:
			m.w.abort(code)
		default:
		}
	}
}

// ended reports whether an operation is complete or has failed, and tells Finish.
func (m *messages) ended(o *operation) bool {
	done, code := m.w.lib.test(&o.request)
	if !done && code == 0 {
		return false
	}
	o.end <- m.w.failure(o.name, code)
	return true
}

// address returns the address of a slice for MPI, which uses it only until the operation is
// complete.
func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
