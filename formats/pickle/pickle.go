// Package pickle reads NumPy arrays from Python pickles, such as the params.pkl of Deep Learning
// from Scratch (Saitoh): a dict of names and arrays.
//
// A pickle can name any class and call it. This reader knows NumPy's arrays, scalars and dtypes,
// and Python's dicts, lists, tuples, numbers and text. It never calls another class: an object of
// one is an array with an Err, and a file that has nothing else is refused by the class's name.
// Protocols 2 to 5 are read, of Python 2 and 3, of NumPy 1 and 2.
package pickle

import (
	"fmt"
	"io"

	"convgraph/formats"
	"convgraph/formats/internal/unpickle"
	"convgraph/internal/file"
)

// ReadFile reads a file. See Decode.
func ReadFile(path string) ([]formats.Array, error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, err
	}
	arrays, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return arrays, nil
}

// Read reads everything that r has. See Decode.
func Read(r io.Reader) ([]formats.Array, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return Decode(data)
}

// Decode reads the bytes of a whole pickle and returns its arrays in order. Nested containers give
// names joined by dots, items of a list their index, a lone array the name arr_0. Numbers become
// scalars; text and None are omitted. Arrays of objects, text, complex numbers and records have an
// Err.
func Decode(data []byte) ([]formats.Array, error) {
	value, length, err := unpickle.Load(data, classes(), nil)
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	if length != len(data) {
		return nil, fmt.Errorf("pickle: ends at byte %d of %d, want one pickle and nothing after it", length, len(data))
	}
	arrays, err := unpickle.Flatten(value, len(data))
	if err != nil {
		return nil, fmt.Errorf("pickle: %w", err)
	}
	return arrays, nil
}
