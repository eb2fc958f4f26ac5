package syscalls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run runs a program to its end. The watcher sees the calls on files in folder and below. It
// returns the program's exit status. An error means that the system doesn't let one program trace
// another.
func Run(command *exec.Cmd, folder string, w Watcher) (syscall.WaitStatus, error) {
	runtime.LockOSThread() // ptrace takes orders from the thread that began
	defer runtime.UnlockOSThread()
	command.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := command.Start(); err != nil {
		return 0, err
	}
	t := &tracer{folder: folder, watcher: w, leader: command.Process.Pid, threads: map[int]*thread{}}
	status, err := t.run()
	_ = command.Process.Release()
	return status, err
}

// tracer follows the threads of one program.
type tracer struct {
	folder  string
	watcher Watcher
	leader  int
	threads map[int]*thread
	calls   int
}

// thread is a thread of the program. A system call stops it twice: before it and after it.
type thread struct {
	within bool
	call   *Call // nil if nobody watches this one
	fault  Fault
	length uint64 // of a write that was made short
}

func (t *tracer) run() (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.leader, &status, 0, nil); err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(t.leader, options); err != nil {
		return 0, fmt.Errorf("ptrace: %w", err)
	}
	t.threads[t.leader] = &thread{}
	if err := syscall.PtraceSyscall(t.leader, 0); err != nil {
		return 0, fmt.Errorf("ptrace: %w", err)
	}
	for {
		// By its group, since this thread may have begun other programs before.
		pid, err := syscall.Wait4(-t.leader, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case pid == t.leader && (status.Exited() || status.Signaled()):
			return status, nil
		case status.Stopped():
			// A thread that SIGKILL has ended meanwhile takes no orders.
			_ = syscall.PtraceSyscall(pid, t.stopped(pid, status))
		}
	}
}

// stopped looks at a thread that has stopped and returns the signal that it is to get.
func (t *tracer) stopped(pid int, status syscall.WaitStatus) (signal int) {
	th, known := t.threads[pid]
	if !known {
		th = &thread{}
		t.threads[pid] = th
	}
	switch sig := status.StopSignal(); {
	case sig == syscall.SIGTRAP|0x80:
		t.step(pid, th)
		return 0
	case sig == syscall.SIGTRAP, sig == syscall.SIGSTOP && !known:
		return 0 // an event of ptrace's, or the first stop of a new thread
	default:
		return int(sig)
	}
}

// step goes from before a call to after it, or back.
func (t *tracer) step(pid int, th *thread) {
	th.within = !th.within
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, &regs); err != nil {
		return // it was killed
	}
	if th.within {
		t.before(pid, th, &regs)
		return
	}
	t.after(pid, th, &regs)
	th.call, th.fault = nil, Fault{}
}

func (t *tracer) before(pid int, th *thread, regs *syscall.PtraceRegs) {
	call, ok := t.decode(pid, regs)
	if !ok {
		return
	}
	t.calls++
	call.N = t.calls
	th.call = &call
	if t.watcher.Before == nil {
		return
	}
	th.fault = t.watcher.Before(call)
	switch {
	case th.fault.Kill:
		_ = syscall.Kill(t.leader, syscall.SIGKILL)
	case th.fault.Errno != 0 && call.Name != "close":
		regs.Orig_rax = ^uint64(0) // no call at all
		_ = syscall.PtraceSetRegs(pid, regs)
	case th.fault.Short && call.Name == "write":
		th.length = regs.Rdx
		regs.Rdx = (regs.Rdx + 1) / 2
		_ = syscall.PtraceSetRegs(pid, regs)
	}
}

func (t *tracer) after(pid int, th *thread, regs *syscall.PtraceRegs) {
	if th.call == nil {
		return
	}
	switch {
	case th.fault.Errno != 0:
		regs.Rax = uint64(-int64(th.fault.Errno))
		_ = syscall.PtraceSetRegs(pid, regs)
	case th.fault.Short && th.call.Name == "write":
		regs.Rdx = th.length
		_ = syscall.PtraceSetRegs(pid, regs)
	}
	if int64(regs.Rax) >= 0 && t.watcher.After != nil {
		t.watcher.After(*th.call)
	}
}

// decode says which call on which file the registers hold. ok is false of all others.
func (t *tracer) decode(pid int, r *syscall.PtraceRegs) (call Call, ok bool) {
	call.pid, call.fd = pid, int(int32(r.Rdi))
	switch r.Orig_rax {
	case unix.SYS_OPENAT:
		if r.Rdx&(unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_RDWR) == 0 {
			return call, false
		}
		call.Name, call.Path = "openat", at(pid, r.Rdi, r.Rsi)
	case unix.SYS_MKDIRAT:
		call.Name, call.Path = "mkdirat", at(pid, r.Rdi, r.Rsi)
	case unix.SYS_UNLINKAT:
		call.Name, call.Path = "unlinkat", at(pid, r.Rdi, r.Rsi)
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		call.Name, call.Path, call.To = "renameat", at(pid, r.Rdi, r.Rsi), at(pid, r.Rdx, r.R10)
	case unix.SYS_WRITE:
		call.Name, call.Path, call.Length = "write", open(pid, r.Rdi), int(r.Rdx)
	case unix.SYS_PWRITE64:
		call.Name, call.Path, call.Length = "pwrite", open(pid, r.Rdi), int(r.Rdx)
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		call.Name, call.Path = "fsync", open(pid, r.Rdi)
	case unix.SYS_FTRUNCATE:
		call.Name, call.Path = "ftruncate", open(pid, r.Rdi)
	case unix.SYS_FCHMOD:
		call.Name, call.Path = "fchmod", open(pid, r.Rdi)
	case unix.SYS_FCHOWN:
		call.Name, call.Path = "fchown", open(pid, r.Rdi)
	case unix.SYS_CLOSE:
		if !writable(pid, r.Rdi) {
			return call, false
		}
		call.Name, call.Path = "close", open(pid, r.Rdi)
	default:
		return call, false
	}
	return call, call.Path == t.folder || strings.HasPrefix(call.Path, t.folder+"/")
}

// open is the name of an open file.
func open(pid int, fd uint64) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd)))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

func writable(pid int, fd uint64) bool {
	info, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", pid, int32(fd)))
	return err == nil && info.Mode()&0o200 != 0
}

// at is the path that a call names in the program's memory, from an open folder on.
func at(pid int, folder, address uint64) string {
	path := text(pid, address)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	if int32(folder) == unix.AT_FDCWD {
		dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if err != nil {
			return ""
		}
		return filepath.Join(dir, path)
	}
	return filepath.Join(open(pid, folder), path)
}

// text reads a string from the program's memory.
func text(pid int, address uint64) string {
	var b []byte
	var word [8]byte
	for len(b) < unix.PathMax {
		if _, err := syscall.PtracePeekData(pid, uintptr(address)+uintptr(len(b)), word[:]); err != nil {
			return ""
		}
		if end := bytes.IndexByte(word[:], 0); end >= 0 {
			return string(append(b, word[:end]...))
		}
		b = binary.NativeEndian.AppendUint64(b, binary.NativeEndian.Uint64(word[:]))
	}
	return string(b)
}

// Content reads the file that the call has open. It may be called in After.
func (c Call) Content() ([]byte, error) {
	return os.ReadFile(fmt.Sprintf("/proc/%d/fd/%d", c.pid, c.fd))
}
