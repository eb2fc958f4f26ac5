package file

import (
	"errors"
	"os"
	"path/filepath"
)

// MkdirAll makes a folder and those above it that are missing, as os.MkdirAll does, and flushes
// their names to the disk: otherwise a power cut could take the folder with everything that Write
// has put into it.
func MkdirAll(path string) error {
	var parents []string
	for above := filepath.Clean(path); missing(above); above = filepath.Dir(above) {
		parents = append(parents, filepath.Dir(above))
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, parent := range parents {
		// A parent that may be written but not read can't be flushed.
		if err := syncFolder(parent); err != nil && !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}
