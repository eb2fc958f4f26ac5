//go:build unix

package models_test

import (
	"syscall"
	"time"
)

// cpuTime is what the process has computed so far, on all cores: other programs take no part in it.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
