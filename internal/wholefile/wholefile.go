// Package wholefile is the old name of [file.Read].
package wholefile

import "convgraph/internal/file"

// Read is [file.Read].
func Read(path string) ([]byte, error) { return file.Read(path) }
