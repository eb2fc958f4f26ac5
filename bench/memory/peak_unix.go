//go:build unix

package main

import (
	"runtime"
	"syscall"
)

// peakMB is this process's peak memory in 10⁶ bytes.
func peakMB() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	unit := 1024. // kilobytes, but bytes on macOS
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return float64(usage.Maxrss) * unit / 1e6
}
