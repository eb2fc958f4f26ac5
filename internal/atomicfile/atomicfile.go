// Package atomicfile writes a file whole or not at all: the bytes go to a
// temporary file in the same folder, which takes the final name only once
// everything is on the disk. Whoever reads the name meanwhile finds the old
// file, never half of the new one.
package atomicfile

import (
	"bufio"
	"fmt"
	"io"
)

// pending is a temporary file that may yet take the final name.
type pending interface {
	io.Writer
	// Commit flushes to the disk and renames, so that neither is lost to a power cut.
	Commit() error
	// Discard removes the temporary file; after Commit it does nothing.
	Discard() error
}

// Write calls write with a buffered writer and gives the result the name path,
// replacing an existing file and keeping its permissions (0o644 for a new one,
// less the umask). If write fails, or anything else does, path stays as it was.
func Write(path string, write func(io.Writer) error) (err error) {
	file, err := create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if discardErr := file.Discard(); discardErr != nil && err == nil {
			err = fmt.Errorf("write %s: %w", path, discardErr)
		}
	}()
	buffered := bufio.NewWriterSize(file, 1<<16)
	if err := write(buffered); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
