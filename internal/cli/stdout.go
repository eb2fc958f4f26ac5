package cli

import (
	"errors"
	"io"
)

// checkedWriter stores the first error of a writer, so that a command need not check each write. It
// writes nothing after an error: a reader sees the beginning of the output, without gaps.
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

// join adds the writer's error to err, unless err contains it already.
func (c *checkedWriter) join(err error) error {
	if c.err == nil || errors.Is(err, c.err) {
		return err
	}
	return append(failures(err), c.err)
}

// failures returns the errors that each get a line.
func failures(err error) Failures {
	var several Failures
	if err == nil || errors.As(err, &several) {
		return several
	}
	return Failures{err}
}
