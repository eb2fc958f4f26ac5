//go:build mpi && (linux || darwin)

package mpi

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"
)

// A World is all processes that the launcher has started. Its methods are called by one goroutine;
// Abort by any.
//
// All calls of MPI are made by one goroutine on a thread of its own, as MPI_THREAD_FUNNELED
// requires. Its operations don't block: it polls them, so that it can send heartbeats meanwhile.
type World struct {
	lib         *library
	rank, ranks int
	calls       chan func() error // one at a time, with its result, while no operation is on its way
	results     chan error
	begins      chan *operation
	aborts      chan int32
	waits       atomic.Bool // Finish waits
	watch       watch
	heart       *heart

	operations []*operation // by call
	free       []int        // calls that are finished

	active  []*operation // those that the thread polls
	isEnded func(*operation) bool
}

// operation is an operation of all processes on its way.
type operation struct {
	name          string
	number        uint64 // of the call
	gathers       bool
	send, receive []byte
	request       uint64
	end           chan error

	counts, at, receiveCounts, receiveAt []int32
}

// Start opens the library and joins the run. Call it before anything that may fail: the other
// processes wait in it until all have joined. Without a launcher the world has one process.
func Start() (*World, error) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // MPI's thread never waits for those that compute
	w := &World{
		calls: make(chan func() error), results: make(chan error), aborts: make(chan int32),
		begins: make(chan *operation, 16),
	}
	w.isEnded = w.ended // stored once, because a method value for each poll would allocate
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- w.start()
		w.serve()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("mpi: %w", err)
	}
	w.watch.begin(w)
	return w, nil
}

func (w *World) start() error {
	lib, err := open()
	if err != nil {
		return err
	}
	w.lib = lib
	var provided, rank, ranks int32
	if code := lib.initThread(nil, nil, lib.funneled, &provided); code != 0 {
		return fmt.Errorf("MPI_Init_thread of %s: error %d", lib.path, code)
	}
	if provided < lib.funneled {
		return fmt.Errorf("thread level of %s: got %d, want at least %d (MPI_THREAD_FUNNELED)",
			lib.path, provided, lib.funneled)
	}
	lib.setErrhandler(lib.world, lib.errorsReturn) // errors are return values
	lib.commRank(lib.world, &rank)
	lib.commSize(lib.world, &ranks)
	w.rank, w.ranks = int(rank), int(ranks)
	w.heart = newHeart(w)
	return errors.Join(lib.checkLaunch(w.ranks), checkDuration(silenceVariable), checkDuration(patienceVariable))
}

// serve makes the calls of MPI, polls the operations on their way, and sends heartbeats.
func (w *World) serve() {
	ticks := time.Tick(beatEvery)
	for {
		select {
		case o := <-w.begins:
			w.begin(o)
			w.poll()
		case call := <-w.calls:
			w.results <- call()
		case code := <-w.aborts:
			w.abort(code)
		case now := <-ticks:
			w.heart.tick(now)
		}
	}
}

// Rank returns the number of this process, from 0, and the number of processes.
func (w *World) Rank() (rank, ranks int) { return w.rank, w.ranks }

// Library returns the name and version of the MPI library, and its file.
func (w *World) Library() string { return fmt.Sprintf("%s (%s)", w.lib.name(), w.lib.path) }

// BeginGather begins to complete data, of which process r has filled in data[at[r]:at[r+1]].
func (w *World) BeginGather(data []byte, at []int) (call int, err error) {
	call, o := w.take("MPI_Iallgatherv")
	if err := split(at, o.counts, o.at); err != nil {
		w.free = append(w.free, call)
		return 0, err
	}
	o.gathers, o.receive = true, data
	w.begins <- o
	return call, nil
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to process r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (w *World) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error) {
	call, o := w.take("MPI_Ialltoallv")
	if err := errors.Join(split(sendAt, o.counts, o.at), split(receiveAt, o.receiveCounts, o.receiveAt)); err != nil {
		w.free = append(w.free, call)
		return 0, err
	}
	o.gathers, o.send, o.receive = false, send, receive
	w.begins <- o
	return call, nil
}

// take returns an operation for the next call.
func (w *World) take(name string) (call int, o *operation) {
	if n := len(w.free); n > 0 {
		call, w.free = w.free[n-1], w.free[:n-1]
	} else {
		call = len(w.operations)
		w.operations = append(w.operations, w.newOperation())
	}
	o = w.operations[call]
	o.name, o.number = name, w.watch.count()
	return call, o
}

func (w *World) newOperation() *operation {
	o := &operation{end: make(chan error, 1)}
	for _, s := range []*[]int32{&o.counts, &o.at, &o.receiveCounts, &o.receiveAt} {
		*s = make([]int32, w.ranks)
	}
	return o
}

// Finish waits until a call is complete. Several calls may be on their way at once.
func (w *World) Finish(call int) error {
	o := w.operations[call]
	w.watch.enter(o.name, o.number)
	w.waits.Store(true)
	err := <-o.end
	w.waits.Store(false)
	w.watch.leave()
	o.send, o.receive = nil, nil
	w.free = append(w.free, call)
	return err
}

// AllowLongWait lets the next call wait for any time: for a person, say.
func (w *World) AllowLongWait() { w.watch.pause() }

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
func (w *World) begin(o *operation) {
	l, code := w.lib, int32(0)
	if o.gathers {
		code = l.iallgatherv(l.inPlace, 0, l.byte,
			address(o.receive), &o.counts[0], &o.at[0], l.byte, l.world, &o.request)
	} else {
		code = l.ialltoallv(address(o.send), &o.counts[0], &o.at[0], l.byte,
			address(o.receive), &o.receiveCounts[0], &o.receiveAt[0], l.byte, l.world, &o.request)
	}
	if code != 0 {
		o.end <- w.failure(o.name, code)
		return
	}
	w.active = append(w.active, o)
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
func (w *World) poll() {
	waited, until := false, time.Now().Add(spinBriefly)
	for len(w.active) > 0 {
		w.active = slices.DeleteFunc(w.active, w.isEnded)
		now := time.Now()
		w.heart.tick(now)
		waits := w.waits.Load()
		if waits && !waited {
			until = now.Add(spinFor)
		}
		waited = waits
		if now.After(until) {
			w.lib.usleep(pollEvery)
		}
		select {
		case o := <-w.begins:
			w.begin(o)
			until = now.Add(spinBriefly)
		case code := <-w.aborts:
			w.abort(code)
		default:
		}
	}
}

// ended reports whether an operation is complete or has failed, and tells Finish.
func (w *World) ended(o *operation) bool {
	done, code := w.lib.test(&o.request)
	if !done && code == 0 {
		return false
	}
	o.end <- w.failure(o.name, code)
	return true
}

// failure returns the error of a function of MPI, whose text only MPI's thread can ask for.
func (w *World) failure(name string, code int32) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("mpi: %s: %s", name, w.lib.errorOf(code))
}

// call runs a function of MPI on its thread, after all operations are complete.
func (w *World) call(name string, f func() int32) error {
	w.watch.enter(name, w.watch.count())
	defer w.watch.leave()
	w.calls <- func() error { return w.failure(name, f()) }
	return <-w.results
}

// Exit leaves the run in order and ends the process with C's exit, in which MPICH 5 tells its
// launcher that all is well. After os.Exit, which skips that, the launcher would kill the other
// processes.
func (w *World) Exit(code int) {
	if err := w.call("MPI_Finalize", w.finalize); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	w.calls <- func() error { w.lib.exit(int32(code)); return nil }
	select {} // exit ends the process
}

// finalize ends the heartbeats first: MPI_Finalize doesn't allow operations that aren't complete.
func (w *World) finalize() int32 {
	for w.heart.leave(); !w.heart.left(); w.lib.usleep(pollEvery) {
		w.heart.tick(time.Now())
	}
	return w.lib.finalize()
}

// Abort ends all processes of the run. If MPI's thread is inside a call that doesn't return, the
// launcher ends the others when this process ends with an error.
func (w *World) Abort(code int) {
	if code == 0 {
		code = 1
	}
	select {
	case w.aborts <- int32(code):
		time.Sleep(abortPatience) // MPI_Abort ends the process
	case <-time.After(abortPatience):
	}
	os.Exit(code)
}

// abortPatience is how long Abort waits for MPI's thread.
const abortPatience = time.Second

// textTime is what a launcher gets to pass on the last text of a process: MPICH's, told to abort,
// may end before it does on a busy machine.
const textTime = 200 * time.Millisecond

// abort is Abort on MPI's thread.
func (w *World) abort(code int32) {
	time.Sleep(textTime)
	w.lib.abort(w.lib.world, code)
	os.Exit(int(code))
}

// NamePanic is to be deferred: it says which rank panics, which not every launcher does.
func (w *World) NamePanic() {
	if p := recover(); p != nil {
		fmt.Fprintf(os.Stderr, "rank %d of %d panics\n", w.rank, w.ranks)
		panic(p)
	}
}

// address returns the address of a slice for MPI, which uses it only until the operation is
// complete.
func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
