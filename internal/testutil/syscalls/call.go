package syscalls

import (
	"fmt"
	"syscall"
)

// Call is a system call that changes a file or a folder, or brings it to the disk.
type Call struct {
	N      int    // of these calls in the program, from 1
	Name   string // openat, write, fsync, renameat, unlinkat …
	Path   string // absolute
	To     string // the new name of a rename
	Length int    // bytes that a write is asked for

	fd  int
	pid int
}

func (c Call) String() string {
	if c.To != "" {
		return fmt.Sprintf("%d %s %s to %s", c.N, c.Name, c.Path, c.To)
	}
	return fmt.Sprintf("%d %s %s", c.N, c.Name, c.Path)
}

// Fault is what happens to a call.
type Fault struct {
	// Errno fails the call, unless it is 0. The call has no effect, except that close still closes.
	Errno syscall.Errno
	// Short makes a write stop after about half of its bytes.
	Short bool
	// Kill ends the program by SIGKILL in place of the call.
	Kill bool
}

// Watcher sees the calls of a program. Both functions may be nil.
type Watcher struct {
	// Before says what happens to a call.
	Before func(Call) Fault
	// After sees a call that succeeded.
	After func(Call)
}
