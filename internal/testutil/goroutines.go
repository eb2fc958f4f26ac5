package testutil

import (
	"runtime"
	"time"
)

// patience is more than the slowest machine needs to end finished goroutines.
const patience = time.Minute

// WaitGoroutines waits, for at most a minute, until there are at most most goroutines, and returns
// their number: a finished goroutine may take a moment to end, longer on a busy machine.
func WaitGoroutines(most int) int {
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > most && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}
