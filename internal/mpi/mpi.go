//go:build mpi && (linux || darwin)

package mpi

import (
	"fmt"
	"math"
	"os"
	"runtime"
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
	calls       chan func() int32
	codes       chan int32
	aborts      chan int32
	watch       watch
	heart       *heart
	request     uint64 // the operation that the thread polls

	counts, at, receiveCounts, receiveAt []int32
}

// Start opens the library and joins the run. Call it before anything that may fail: the other
// processes wait in it until all have joined. Without a launcher the world has one process.
func Start() (*World, error) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // MPI's thread never waits for those that compute
	w := &World{calls: make(chan func() int32), codes: make(chan int32), aborts: make(chan int32)}
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
	for _, s := range []*[]int32{&w.counts, &w.at, &w.receiveCounts, &w.receiveAt} {
		*s = make([]int32, w.ranks)
	}
	w.heart = newHeart(w)
	return lib.checkLaunch(w.ranks)
}

// serve makes the calls of MPI, and sends heartbeats when there are none to make.
func (w *World) serve() {
	ticks := time.Tick(beatEvery)
	for {
		select {
		case call := <-w.calls:
			w.codes <- call()
		case code := <-w.aborts:
			w.abort(code)
		case <-ticks:
			w.heart.tick(time.Now())
		}
	}
}

// Rank returns the number of this process, from 0, and the number of processes.
func (w *World) Rank() (rank, ranks int) { return w.rank, w.ranks }

// Library returns the name and version of the MPI library, and its file.
func (w *World) Library() string { return fmt.Sprintf("%s (%s)", w.lib.name(), w.lib.path) }

// Gather completes data, of which process r has filled in data[at[r]:at[r+1]].
func (w *World) Gather(data []byte, at []int) error {
	if err := split(at, w.counts, w.at); err != nil {
		return err
	}
	return w.collective("MPI_Iallgatherv", func() int32 {
		return w.lib.iallgatherv(w.lib.inPlace, 0, w.lib.byte,
			address(data), &w.counts[0], &w.at[0], w.lib.byte, w.lib.world, &w.request)
	})
}

// Exchange sends send[sendAt[r]:sendAt[r+1]] to process r, and receives from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (w *World) Exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) error {
	if err := split(sendAt, w.counts, w.at); err != nil {
		return err
	}
	if err := split(receiveAt, w.receiveCounts, w.receiveAt); err != nil {
		return err
	}
	return w.collective("MPI_Ialltoallv", func() int32 {
		return w.lib.ialltoallv(address(send), &w.counts[0], &w.at[0], w.lib.byte,
			address(receive), &w.receiveCounts[0], &w.receiveAt[0], w.lib.byte, w.lib.world, &w.request)
	})
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

// collective starts an operation of all processes and waits until it is complete.
func (w *World) collective(name string, begin func() int32) error {
	return w.call(name, func() int32 {
		if code := begin(); code != 0 {
			return code
		}
		return w.complete()
	})
}

// The thread polls an operation without a pause for spinFor, and then every pollEvery: a rank that
// waits for a slower one leaves the processor to others.
const (
	spinFor   = 2 * time.Millisecond
	pollEvery = 20 // microseconds
)

func (w *World) complete() int32 {
	for began := time.Now(); ; {
		if done, code := w.lib.test(&w.request); done || code != 0 {
			return code
		}
		now := time.Now()
		w.heart.tick(now)
		if now.Sub(began) > spinFor {
			w.lib.usleep(pollEvery)
		}
		select {
		case code := <-w.aborts:
			w.abort(code)
		default:
		}
	}
}

// call runs a function of MPI on its thread.
func (w *World) call(name string, f func() int32) error {
	w.watch.enter(name)
	w.calls <- f
	code := <-w.codes
	w.watch.leave()
	if code != 0 {
		return fmt.Errorf("mpi: %s: %s", name, w.lib.errorOf(code))
	}
	return nil
}

// Exit leaves the run in order and ends the process with C's exit, in which MPICH 5 tells its
// launcher that all is well. After os.Exit, which skips that, the launcher would kill the other
// processes.
func (w *World) Exit(code int) {
	if err := w.call("MPI_Finalize", w.finalize); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	w.calls <- func() int32 { w.lib.exit(int32(code)); return 0 }
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

// abort is Abort on MPI's thread.
func (w *World) abort(code int32) {
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
