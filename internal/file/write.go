package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// destination is where the bytes of a file go before Commit.
type destination interface {
	io.Writer
	// Commit finishes the file. For a regular file it flushes to the disk and renames, so that a
	// power cut loses neither the old file nor the new one.
	Commit() error
	// Discard gives up the file; after Commit it does nothing.
	Discard() error
}

// Write calls write with a buffered writer to the file path.
//
// A regular file is written whole or not at all: the bytes go to a temporary file in the same
// folder, which takes the name only once everything is on the disk. A reader sees the old file or
// the new one. If anything fails, the old file stays. The new file has the old one's permissions,
// and its owner if the system allows it; without an old file they are 0o644 less the umask.
//
// A symbolic link stays, and the file that it names is written. A pipe, a device or a socket is
// opened and written, never replaced.
func Write(path string, write func(io.Writer) error) (err error) {
	dst, err := open(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if discardErr := dst.Discard(); discardErr != nil && err == nil {
			err = fmt.Errorf("write %s: %w", path, discardErr)
		}
	}()
	buffered := bufio.NewWriterSize(dst, 1<<16)
	if err := write(buffered); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := dst.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// open chooses between replacing a regular file and writing into what path names.
func open(path string) (destination, error) {
	switch info, err := os.Stat(path); {
	case err != nil || info.Mode().IsRegular():
	case info.IsDir():
		return nil, errors.New("it is a folder: want a file")
	default:
		return openStream(path, os.O_WRONLY)
	}
	target, err := follow(path)
	if err != nil {
		return nil, err
	}
	if target.descriptor {
		return openStream(path, os.O_WRONLY|os.O_APPEND)
	}
	return replace(target.path)
}

// stream is a file that is written in place.
type stream struct {
	*os.File
	closed bool
}

func openStream(path string, flag int) (destination, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	return &stream{File: f}, nil
}

func (s *stream) Commit() error {
	s.closed = true
	return s.Close()
}

func (s *stream) Discard() error {
	if s.closed {
		return nil
	}
	return s.Commit()
}
