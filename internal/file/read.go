package file

import (
	"bytes"
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

// ReadText returns the contents of a text file as Read does, without the byte-order mark that
// Windows programs put in front of UTF-8.
func ReadText(path string) ([]byte, error) {
	data, err := Read(path)
	return bytes.TrimPrefix(data, []byte(ByteOrderMark)), err
}

// ByteOrderMark is the mark in UTF-8.
const ByteOrderMark = "\ufeff"
