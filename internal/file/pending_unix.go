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
	folder, mode := filepath.Dir(path), os.FileMode(0o644)
	old, err := os.Stat(path)
	if err == nil {
		mode = old.Mode().Perm()
	}
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(folder), renameio.WithPermissions(mode))
	if err != nil {
		return nil, err
	}
	f := pending{file, folder}
	if old == nil {
		return f, nil
	}
	if err := f.succeed(old); err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	return f, nil
}

// succeed gives the new file the permissions of the old one, which the umask may have reduced, and
// its owner and group as far as the system allows it: for root it does. Changing the owner clears
// setuid bits, which no data file needs.
func (f pending) succeed(old os.FileInfo) error {
	if owner, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(owner.Uid), int(owner.Gid))
	}
	now, err := f.Stat()
	if err != nil || now.Mode().Perm() == old.Mode().Perm() {
		return err
	}
	return f.Chmod(old.Mode().Perm())
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
