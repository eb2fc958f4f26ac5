package file

import (
	"os"
	"path/filepath"
)

// moved is a temporary file that takes the final name on Commit. renameio leaves Windows out
// because rename is not documented to be atomic there. os.Rename calls MoveFileEx with
// MOVEFILE_REPLACE_EXISTING, which on NTFS shows either the old file or the new one: the best the
// system offers.
type moved struct {
	*os.File
	path string
	done bool
}

func replace(path string) (destination, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err != nil {
		return nil, err
	}
	return &moved{File: file, path: path}, nil
}

func (f *moved) Commit() error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return nil
}

func (f *moved) Discard() error {
	if f.done {
		return nil
	}
	_ = f.Close() // closed already when the rename failed
	return os.Remove(f.Name())
}

// syncFolder does nothing: Windows can't flush a folder.
func syncFolder(string) error { return nil }
