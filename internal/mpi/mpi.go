//go:build mpi && (linux || darwin)

package mpi

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// A World is all processes that the launcher has started. Its methods are called by one goroutine;
// Abort by any.
//
// All calls of MPI are made by one goroutine on a thread of its own, as MPI_THREAD_FUNNELED
// requires. Its operations don't block: it polls them, so that it can send heartbeats meanwhile.
//
// Ranks of one machine exchange through its memory instead, without that thread.
type World struct {
	lib         *library
	rank, ranks int
	messages    *messages
	carrier     carrier           // messages, or the memory of the machine
	pending     []pending         // by call
	calls       chan func() error // one at a time, with its result, while no message is on its way
	results     chan error
	aborts      chan int32
	watch       watch
	heart       *heart
}

// A carrier carries the calls of all ranks.
type carrier interface {
	BeginGather(data []byte, at []int) (call int, err error)
	BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error)
	Finish(call int) error
}

// pending is a call on its way.
type pending struct {
	name   string
	number uint64 // of all calls
}

// Start opens the library and joins the run. Call it before anything that may fail: the other
// processes wait in it until all have joined. Without a launcher the world has one process.
func Start() (*World, error) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // MPI's thread never waits for those that compute
	w := &World{calls: make(chan func() error), results: make(chan error), aborts: make(chan int32)}
	w.messages = newMessages(w)
	w.carrier = w.messages
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
	if err := w.share(); err != nil {
		return nil, fmt.Errorf("mpi: %w", err)
	}
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
	return errors.Join(lib.checkLaunch(w.ranks), checkDuration(silenceVariable), checkDuration(patienceVariable),
		checkShared())
}

// serve makes the calls of MPI, polls the operations on their way, and sends heartbeats.
func (w *World) serve() {
	ticks := time.Tick(beatEvery)
	for {
		select {
		case o := <-w.messages.begins:
			w.messages.begin(o)
			w.messages.poll()
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

// Library returns the name and version of the MPI library, its file, and what carries the calls.
func (w *World) Library() string {
	carrier := "MPI's messages"
	if w.carrier != w.messages {
		carrier = "shared memory"
	}
	return fmt.Sprintf("%s (%s) and %s", w.lib.name(), w.lib.path, carrier)
}

// BeginGather begins to complete data, of which process r has filled in data[at[r]:at[r+1]].
func (w *World) BeginGather(data []byte, at []int) (call int, err error) {
	number := w.watch.count()
	call, err = w.carrier.BeginGather(data, at)
	if err != nil {
		return 0, err
	}
	w.note(call, pending{"a gather", number})
	return call, nil
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to process r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (w *World) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error) {
	number := w.watch.count()
	call, err = w.carrier.BeginExchange(send, sendAt, receive, receiveAt)
	if err != nil {
		return 0, err
	}
	w.note(call, pending{"an exchange", number})
	return call, nil
}

// note notes a call for the watch.
func (w *World) note(call int, p pending) {
	for len(w.pending) <= call {
		w.pending = append(w.pending, pending{})
	}
	w.pending[call] = p
}

// Finish waits until a call is complete. Several calls may be on their way at once.
func (w *World) Finish(call int) error {
	w.watch.enter(w.pending[call].name, w.pending[call].number)
	defer w.watch.leave()
	return w.carrier.Finish(call)
}

// AllowLongWait lets the next call wait for any time: for a person, say.
func (w *World) AllowLongWait() { w.watch.pause() }

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
