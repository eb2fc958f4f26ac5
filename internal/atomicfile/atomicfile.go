// Package atomicfile is the old name of [file.Write].
package atomicfile

import (
	"io"

	"convgraph/internal/file"
)

// Write is [file.Write].
func Write(path string, write func(io.Writer) error) error { return file.Write(path, write) }
