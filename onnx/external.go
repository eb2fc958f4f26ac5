package onnx

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"convgraph/onnx/schema"
)

// external reads a tensor's elements from another file, as PyTorch's exporter writes them beside
// the model. It reads only files in the model's folder, and only the bytes that the tensor's shape
// needs.
func (im *importer) external(t *schema.Tensor) ([]byte, error) {
	location, offset, length, err := externalPlace(t)
	if err != nil {
		return nil, err
	}
	if im.reader.folder == "" {
		return nil, fmt.Errorf("its numbers are in another file, %.80q: want a single file, or a path to the model",
			location)
	}
	if location != filepath.Base(location) || !filepath.IsLocal(location) {
		return nil, fmt.Errorf("its numbers are in %.80q: want a file in the model's folder", location)
	}
	size, err := t.Bytes()
	if err != nil {
		return nil, err
	}
	if length >= 0 && length != size {
		return nil, fmt.Errorf("its numbers: got %d bytes of %.80q, want %d", length, location, size)
	}
	root, err := os.OpenRoot(im.reader.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(location)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || offset > info.Size() || size > info.Size()-offset {
		return nil, fmt.Errorf("its numbers are bytes %d to %d of %.80q, which has %d",
			offset, offset+size, location, info.Size())
	}
	data := make([]byte, size)
	_, err = io.ReadFull(io.NewSectionReader(file, offset, size), data)
	return data, err
}

// externalPlace reads where a tensor's numbers are; a length of -1 isn't given.
func externalPlace(t *schema.Tensor) (location string, offset, length int64, err error) {
	length = -1
	for _, e := range t.ExternalData {
		switch e.Key {
		case "location":
			location = e.Value
		case "offset":
			offset, err = strconv.ParseInt(e.Value, 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.Value, 10, 64)
		}
		if err != nil {
			return "", 0, 0, fmt.Errorf("%s in another file: %w", e.Key, err)
		}
	}
	if location == "" || offset < 0 {
		return "", 0, 0, fmt.Errorf("its numbers are at %d of %q: want a file's name and an offset of at least 0",
			offset, location)
	}
	return location, offset, length, nil
}
