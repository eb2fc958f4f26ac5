package training

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// processors identifies the processors that this process may use: launchers may bind each rank to
// some of the machine's.
func processors() string {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", set)
}
