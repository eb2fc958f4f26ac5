package main

import (
	"fmt"
	"os"
)

// busyLoad is the load average from which other programs are taking part of the machine.
const busyLoad = 0.5

// loadAverage is the mean number of runnable threads over the last minute, or 0 where the system doesn't tell.
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
