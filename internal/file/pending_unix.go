//go:build !windows

package file

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// pending is a temporary file that takes the final name on Commit.
type pending struct {
	*renameio.PendingFile
	folder string
}

// Commit also flushes the folder: otherwise a power cut soon after could bring back the old file.
func (f pending) Commit() error {
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(f.folder)
}

func (f pending) Discard() error { return f.Cleanup() }

func replace(path string) (destination, error) {
	folder := filepath.Dir(path)
	file, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(folder),
		renameio.WithPermissions(0o644),
		renameio.WithExistingPermissions())
	if err != nil {
		return nil, err
	}
	keepOwner(file.File, path)
	return pending{file, folder}, nil
}

// keepOwner gives the new file the owner and the group of the old one, as far as the system allows
// it: for root it does. Changing the owner clears setuid bits, which no data file needs.
func keepOwner(file *os.File, path string) {
	old, err := os.Stat(path)
	if err != nil {
		return
	}
	if owner, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(owner.Uid), int(owner.Gid))
	}
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
