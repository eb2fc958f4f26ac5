//go:build mpi && (linux || darwin)

package mpi

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// A World is all processes that the launcher has started. Its methods are called by one goroutine;
// Abort by any.
type World struct {
	lib         *library
	rank, ranks int
	calls       chan func() int32
	codes       chan int32
	watch       watch

	counts, at, receiveCounts, receiveAt []int32
}

// Start opens the library and joins the run. It comes before anything that may fail: the other
// processes wait in it until all have joined. Without a launcher the world has one process.
//
// All calls of MPI are made by one goroutine on a thread of its own, as MPI_THREAD_FUNNELED wants.
func Start() (*World, error) {
	w := &World{calls: make(chan func() int32), codes: make(chan int32)}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- w.start()
		for call := range w.calls {
			w.codes <- call()
		}
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
		return fmt.Errorf("thread level of %s: got %d, want at least %d (MPI_THREAD_FUNNELED)", lib.path, provided, lib.funneled)
	}
	lib.setErrhandler(lib.world, lib.errorsReturn) // errors are return values
	lib.commRank(lib.world, &rank)
	lib.commSize(lib.world, &ranks)
	w.rank, w.ranks = int(rank), int(ranks)
	for _, s := range []*[]int32{&w.counts, &w.at, &w.receiveCounts, &w.receiveAt} {
		*s = make([]int32, w.ranks)
	}
	return lib.checkLaunch(w.ranks)
}

// Rank returns the number of this process, from 0, and how many there are.
func (w *World) Rank() (rank, ranks int) { return w.rank, w.ranks }

// Library is what the MPI library says of itself, and its file.
func (w *World) Library() string { return fmt.Sprintf("%s (%s)", w.lib.name(), w.lib.path) }

// Gather completes data, of which process r has filled in data[at[r]:at[r+1]].
func (w *World) Gather(data []byte, at []int) error {
	if err := split(at, w.counts, w.at); err != nil {
		return err
	}
	return w.call("MPI_Allgatherv", func() int32 {
		return w.lib.allgatherv(w.lib.inPlace, 0, w.lib.byte, address(data), &w.counts[0], &w.at[0], w.lib.byte, w.lib.world)
	})
}

// Exchange sends send[sendAt[r]:sendAt[r+1]] to process r, and receives from it what belongs in
// receive[receiveAt[r]:receiveAt[r+1]].
func (w *World) Exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) error {
	if err := split(sendAt, w.counts, w.at); err != nil {
		return err
	}
	if err := split(receiveAt, w.receiveCounts, w.receiveAt); err != nil {
		return err
	}
	return w.call("MPI_Alltoallv", func() int32 {
		return w.lib.alltoallv(address(send), &w.counts[0], &w.at[0], w.lib.byte,
			address(receive), &w.receiveCounts[0], &w.receiveAt[0], w.lib.byte, w.lib.world)
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

// Exit leaves the run in order and ends the process, by C's exit: there MPICH 5 tells its launcher
// that all is well. It passes by os.Exit, after which the launcher would kill the other processes.
func (w *World) Exit(code int) {
	if err := w.call("MPI_Finalize", w.lib.finalize); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	w.calls <- func() int32 { w.lib.exit(int32(code)); return 0 }
	select {} // exit ends the process
}

// Abort ends all processes of the run. It may be called while another call waits; then MPI_Abort isn't
// allowed, and the launcher ends the others when this process ends with an error.
func (w *World) Abort(code int) {
	if code == 0 {
		code = 1
	}
	select {
	case w.calls <- func() int32 { return w.lib.abort(w.lib.world, int32(code)) }:
		<-w.codes
	case <-time.After(abortPatience):
	}
	os.Exit(code)
}

// abortPatience is how long Abort waits for MPI's thread.
const abortPatience = time.Second

// address is where a slice is, for MPI, which takes no memory of Go's for longer than a call.
func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// watch ends the run where a call waits too long for the other processes.
type watch struct {
	mu     sync.Mutex
	name   string // of the call that waits, or empty
	since  time.Time
	calls  int
	paused bool // of the watch, until the next call has returned
}

// patience is how long a call may wait. A step of another process, its part of an evaluation, and a
// checkpoint that the first one writes must fit into it.
var patience = patienceOf(os.Getenv("CONVGRAPH_MPI_PATIENCE"))

func patienceOf(text string) time.Duration {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d
	}
	return 10 * time.Minute
}

func (t *watch) begin(w *World) {
	go func() {
		for range time.Tick(min(time.Second, patience/4)) {
			if name, call, waited := t.waiting(); waited > patience {
				fmt.Fprintf(os.Stderr, "rank %d of %d has waited %v for the others in %s, its call %d: want less than %v (CONVGRAPH_MPI_PATIENCE); a rank that doesn't say so hangs\n",
					w.rank, w.ranks, waited.Round(time.Second/10), name, call, patience)
				w.Abort(1)
			}
		}
	}()
}

func (t *watch) enter(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name, t.since = name, time.Now()
	t.calls++
}

func (t *watch) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name, t.paused = "", false
}

func (t *watch) pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = true
}

func (t *watch) waiting() (name string, call int, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.name == "" || t.paused {
		return "", t.calls, 0
	}
	return t.name, t.calls, time.Since(t.since)
}
