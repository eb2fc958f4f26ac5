// Package goroutines lets a test count goroutines.
package goroutines

import (
	"runtime"
	"time"
)

// patience is more than the slowest machine needs to end what has done its work.
const patience = time.Minute

// Fallen waits until there are no more goroutines than most, or for a minute, and gives how many there are: who has done its work may
// take a moment to be gone, and longer on a busy machine.
func Fallen(most int) int {
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > most && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}
