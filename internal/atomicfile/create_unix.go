//go:build !windows

package atomicfile

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

type renamed struct{ *renameio.PendingFile }

func (f renamed) Commit() error  { return f.CloseAtomicallyReplace() }
func (f renamed) Discard() error { return f.Cleanup() }

func create(path string) (pending, error) {
	file, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithPermissions(0o644),
		renameio.WithExistingPermissions())
	if err != nil {
		return nil, err
	}
	return renamed{file}, nil
}
