// Package npz reads and writes NumPy's files: .npz (named arrays in a zip file) and .npy (one
// array). npyio parses the headers. Sizes are checked against the available bytes before an array
// is allocated, and the unpacked size of a zip file is bounded by its size. Writing the same arrays
// gives the same bytes, and replaces the file atomically.
package npz

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"convgraph/formats"
	"convgraph/formats/internal/archive"
	"convgraph/internal/file"
)

// suffix is the suffix that numpy.savez adds to an array's name inside the zip file.
const suffix = ".npy"

// ReadFile reads a .npz file. See Read.
func ReadFile(path string) ([]formats.Array, error) { return readFile(path, nil) }

// ReadNamed reads only the arrays of a .npz file that have the given names.
func ReadNamed(path string, names ...string) ([]formats.Array, error) {
	return readFile(path, func(name string) bool { return slices.Contains(names, name) })
}

func readFile(path string, want func(name string) bool) ([]formats.Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	arrays, err := read(file, info.Size(), want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return arrays, nil
}

// Decode reads the bytes of a whole .npz file. See Read.
func Decode(data []byte) ([]formats.Array, error) {
	return Read(bytes.NewReader(data), int64(len(data)))
}

// Read reads a .npz file of size bytes: its arrays in the zip file's order, under their names
// without ".npy". See DecodeNPY for the types; an array of another type has an Err.
func Read(r io.ReaderAt, size int64) ([]formats.Array, error) { return read(r, size, nil) }

// read reads the arrays whose names want accepts; a nil want accepts all.
func read(r io.ReaderAt, size int64, want func(name string) bool) ([]formats.Array, error) {
	entries, err := archive.Open(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	arrays := make([]formats.Array, 0, len(entries))
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name, suffix)
		if !ok || name == "" {
			return nil, fmt.Errorf("npz: zip entry name: got %q, want NAME%s", entry.Name, suffix)
		}
		if want != nil && !want(name) {
			continue
		}
		array, err := readEntry(name, entry)
		if err != nil {
			return nil, fmt.Errorf("npz: %w", err)
		}
		arrays = append(arrays, array)
	}
	if err := formats.FirstUnreadable(arrays); err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	return arrays, nil
}

func readEntry(name string, entry archive.Entry) (formats.Array, error) {
	data, err := entry.Read()
	if err != nil {
		return formats.Array{}, err
	}
	npy, err := parseNPY(data)
	if err != nil {
		return formats.Array{Name: name, Err: fmt.Errorf("npy: %w", err)}, nil
	}
	value, err := npy.decode()
	if err != nil {
		return formats.Array{}, fmt.Errorf("array %q: npy: %w", name, err)
	}
	return formats.Array{Name: name, Value: value}, nil
}

// Write writes a .npz file atomically. See Encode.
func Write(path string, arrays []formats.Array) error {
	return file.Write(path, func(w io.Writer) error { return Encode(w, arrays) })
}

// Encode writes arrays (float32, float64 or int64) in their order, uncompressed, as numpy.savez
// does.
func Encode(w io.Writer, arrays []formats.Array) error {
	if err := formats.CheckNames(arrays); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	archive := zip.NewWriter(w)
	for _, a := range arrays {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: a.Name + suffix, Method: zip.Store, Modified: epoch})
		if err != nil {
			return fmt.Errorf("npz: array %q: %w", a.Name, err)
		}
		if err := EncodeNPY(entry, a.Value); err != nil {
			return fmt.Errorf("npz: array %q: %w", a.Name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return nil
}

// epoch is the first day of zip's calendar. NumPy writes it too, so that the bytes don't depend on
// the time.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
