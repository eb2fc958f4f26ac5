//go:build !unix

package models_test

import "time"

var began = time.Now()

// cpuTime is the time of the clock, where the system's CPU time isn't known.
func cpuTime() time.Duration { return time.Since(began) }
