package main

import (
	"fmt"
	"os"
)

// busyLoad is the load average above which other programs use part of the machine.
const busyLoad = 0.5

// loadAverage is the mean number of runnable threads over the last minute, or 0 if the system
// doesn't report it.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		return 0
	}
	return load
}
