//go:build !windows

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

type renamed struct {
	*renameio.PendingFile
	folder string
}

// Commit flushes the folder, too: without that a power cut soon after could bring back the old name's file.
func (f renamed) Commit() error {
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(f.folder)
}

func (f renamed) Discard() error { return f.Cleanup() }

func create(path string) (pending, error) {
	folder := filepath.Dir(path)
	file, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(folder),
		renameio.WithPermissions(0o644),
		renameio.WithExistingPermissions())
	if err != nil {
		return nil, err
	}
	return renamed{file, folder}, nil
}

// syncFolder flushes a folder's entries to the disk, on file systems that can.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
