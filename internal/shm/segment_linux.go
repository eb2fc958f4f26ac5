package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// create makes a file of zeros. Its memory is reserved, since a write to memory that the system
// can't provide would end the process.
func create(size int) (name string, memory []byte, err error) {
	f, err := os.CreateTemp(folder, prefix)
	if err != nil {
		return "", nil, fmt.Errorf("shared memory: %w", err)
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(size)); err != nil {
		err = &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		return "", nil, errors.Join(fmt.Errorf("shared memory: %d bytes: %w", size, err), os.Remove(f.Name()))
	}
	memory, err = mapped(f, size)
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(f.Name()))
	}
	return filepath.Base(f.Name()), memory, nil
}

func open(name string, size int) ([]byte, error) {
	if !strings.HasPrefix(name, prefix) || name != filepath.Base(name) {
		return nil, fmt.Errorf("shared memory: got the name %q, want one that begins with %s", name, prefix)
	}
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("shared memory: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("shared memory: %w", err)
	}
	if info.Size() != int64(size) {
		return nil, fmt.Errorf("shared memory %s: got %d bytes, want %d", f.Name(), info.Size(), size)
	}
	return mapped(f, size)
}

func mapped(f *os.File, size int) ([]byte, error) {
	memory, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("shared memory: %w", &fs.PathError{Op: "mmap", Path: f.Name(), Err: err})
	}
	return memory, nil
}

// Remove removes the file. The memory stays for those who have opened it.
func (s *Segment) Remove() error {
	return os.Remove(filepath.Join(folder, s.offer.name()))
}

// Close gives the memory back. Peers can't be used any more.
func (s *Segment) Close() error { return syscall.Munmap(s.memory) }

// yield leaves the processor to another thread that wants to run.
func yield() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
