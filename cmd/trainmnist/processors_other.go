//go:build !linux

package main

// processors is the same for all processes: they share all processors of the machine.
func processors() string { return "" }
