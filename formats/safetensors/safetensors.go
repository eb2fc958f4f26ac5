// Package safetensors reads and writes .safetensors files: named arrays and a table of strings.
// This module stores its own parameters in them.
//
// The format is (https://huggingface.co/docs/safetensors)
//
//	8 bytes   n, the header's length, little-endian
//	n bytes   JSON: {"name": {"dtype","shape","data_offsets"}, …, "__metadata__": {…}}
//	rest      the arrays' elements, little-endian, row-major, without gaps
//
// Reading checks every size and offset against the available bytes before it allocates an array.
// Writing the same arrays and metadata gives the same bytes, and replaces the file atomically.
package safetensors

import (
	"bytes"
	"fmt"
	"io"

	"convgraph/formats"
	"convgraph/internal/file"
)

// ReadFile reads a file. See Decode.
func ReadFile(path string) (arrays []formats.Array, metadata map[string]string, err error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, nil, err
	}
	arrays, metadata, err = Decode(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return arrays, metadata, nil
}

// Read reads r to its end. See Decode.
func Read(r io.Reader) (arrays []formats.Array, metadata map[string]string, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	return Decode(data)
}

// Write writes a file atomically. See Encode.
func Write(path string, arrays []formats.Array, metadata map[string]string) error {
	return file.Write(path, func(w io.Writer) error { return Encode(w, arrays, metadata) })
}

// Marshal returns the bytes that Write writes.
func Marshal(arrays []formats.Array, metadata map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	if err := Encode(&buffer, arrays, metadata); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
