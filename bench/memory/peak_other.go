//go:build !unix

package main

// peakMB is unknown on this system.
func peakMB() float64 { return 0 }
