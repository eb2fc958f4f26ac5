package file

import (
	"fmt"
	"io/fs"
	"os"
)

// Read returns the contents of a file or a pipe. It refuses a device, which may never end.
func Read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeDevice != 0 {
		return nil, fmt.Errorf("%s is a device: want a file", path)
	}
	return os.ReadFile(path)
}
