package cli

import (
	"errors"
	"io"
)

// checkedWriter remembers the first error of a writer, so that a command need not look at each one.
// After it nothing more is written: a reader sees the beginning of the output, never its parts.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.err = err
	return n, err
}

// join adds the writer's error to that of a command, unless the command returns it itself.
func (c *checkedWriter) join(err error) error {
	if c.err == nil || errors.Is(err, c.err) {
		return err
	}
	return append(failures(err), c.err)
}

// failures are the errors that each get a line.
func failures(err error) Failures {
	var several Failures
	if err == nil || errors.As(err, &several) {
		return several
	}
	return Failures{err}
}
