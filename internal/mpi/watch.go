//go:build mpi && (linux || darwin)

package mpi

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// watch ends the run if a call waits too long for the other processes, although all of them send
// heartbeats: one of them computes without end.
type watch struct {
	mu     sync.Mutex
	name   string // of the call that waits, or empty
	number uint64 // its number
	calls  uint64 // number of calls so far
	waited time.Duration
	paused bool // until the next call has returned
}

// patience is how long a call may wait. A step of another process, its part of an evaluation, and a
// checkpoint that the first one writes must fit into it.
var patience = durationOf(patienceVariable, 10*time.Minute)

const patienceVariable = "CONVGRAPH_MPI_PATIENCE"

// durationOf returns the duration that an environment variable holds, or another if it holds none.
func durationOf(variable string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(variable)); err == nil && d > 0 {
		return d
	}
	return otherwise
}

// checkDuration returns an error if an environment variable is set to something else.
func checkDuration(variable string) error {
	text := os.Getenv(variable)
	if d, err := time.ParseDuration(text); text != "" && (err != nil || d <= 0) {
		return fmt.Errorf("%s: got %q, want a time such as 30s", variable, text)
	}
	return nil
}

func (t *watch) begin(w *World) {
	every := min(time.Second, patience/4)
	go func() {
		last := time.Now()
		for now := range time.Tick(every) {
			passed := min(now.Sub(last), 2*every) // a process that was stopped itself didn't wait
			last = now
			if name, call, waited := t.wait(passed); waited > patience {
				fmt.Fprintf(os.Stderr,
					"rank %d of %d has waited %v in %s, its call %d, for %s: want less than %v (%s)\n", w.rank,
					w.ranks, waited.Round(time.Second/10), name, call, w.heart.behind(call), patience, patienceVariable)
				w.Abort(1)
			}
		}
	}()
}

// count counts a call and returns its number.
func (t *watch) count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	return t.calls
}

// enter begins to wait for a call.
func (t *watch) enter(name string, number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name, t.number, t.waited = name, number, 0
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

// wait adds to the time that the current call has waited, if there is such a call.
func (t *watch) wait(passed time.Duration) (name string, call uint64, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.name != "" && !t.paused {
		t.waited += passed
	}
	return t.name, t.number, t.waited
}

// doing says what the process does now.
func (t *watch) doing() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.name == "" {
		return fmt.Sprintf("computes after call %d", t.calls)
	}
	return fmt.Sprintf("waits in %s, its call %d", t.name, t.number)
}

func (t *watch) made() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}
