package training

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// processors tells the processors that this process may use from those of others on the machine:
// launchers may bind each rank to some of them.
func processors() string {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", set)
}
