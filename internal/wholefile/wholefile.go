// Package wholefile reads files whole, as those of parameters and specs are, which somebody else may have named.
package wholefile

import (
	"fmt"
	"io/fs"
	"os"
)

// Read returns what a file or a pipe holds. A device is refused: it may never end.
func Read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeDevice != 0 {
		return nil, fmt.Errorf("%s is a device: want a file", path)
	}
	return os.ReadFile(path)
}
