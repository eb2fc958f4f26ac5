// Package formats holds the type that all readers and writers of other programs' files share: a
// named array. The formats are its subpackages (safetensors, npz, pickle, torch). They know arrays
// and names, but no layers, training or pictures.
package formats

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Array is a named array. Readers return Value dense, row-major and in memory of its own, of dtype
// float32, float64 or int64:
//
//	float16, bfloat16, float32 → float32
//	float64                    → float64
//	integers, bool             → int64
//
// The shape () is a scalar. A reader returns a file's arrays in the file's order, because the order
// of a state dict carries meaning.
//
// A value that a reader can't convert to a tensor (text, complex numbers, an object, an empty
// array) is an Array without a Value, whose Err is the reason. So a file with such a value is
// readable if the caller doesn't need that value.
type Array struct {
	Name  string
	Value *tensor.Dense
	Err   error
}

// Find returns the first array called name, and whether there is one.
func Find(arrays []Array, name string) (Array, bool) {
	for _, a := range arrays {
		if a.Name == name {
			return a, true
		}
	}
	return Array{}, false
}

// Readable returns the arrays that have a value.
func Readable(arrays []Array) []Array {
	readable := make([]Array, 0, len(arrays))
	for _, a := range arrays {
		if a.Value != nil {
			readable = append(readable, a)
		}
	}
	return readable
}

// FirstUnreadable returns the Err of the first array if none has a value. It returns nil if one
// has, or if there is no array.
func FirstUnreadable(arrays []Array) error {
	if len(arrays) == 0 || len(Readable(arrays)) > 0 {
		return nil
	}
	return arrays[0].valueError()
}

func (a Array) valueError() error {
	switch {
	case a.Value != nil:
		return nil
	case a.Err != nil:
		return fmt.Errorf("array %.80q: %w", a.Name, a.Err)
	}
	return fmt.Errorf("array %.80q has no value", a.Name)
}

// CheckNames returns an error if an array has no value, no name, or a name already used. Every
// writer calls it before it writes.
func CheckNames(arrays []Array) error {
	for i, a := range arrays {
		switch err := a.valueError(); {
		case a.Name == "":
			return fmt.Errorf("array %d has no name", i)
		case a.Err != nil:
			return err
		case err != nil:
			return fmt.Errorf("array %.80q (number %d) has no value", a.Name, i)
		}
	}
	return CheckUnique(arrays)
}

// CheckUnique returns an error if an array has no name, or a name already used. Arrays may lack a
// value.
func CheckUnique(arrays []Array) error {
	seen := make(map[string]int, len(arrays))
	for i, a := range arrays {
		if a.Name == "" {
			return fmt.Errorf("array %d has no name", i)
		}
		if first, dup := seen[a.Name]; dup {
			return fmt.Errorf("arrays %d and %d are both called %.80q: names must be unique", first, i, a.Name)
		}
		seen[a.Name] = i
	}
	return nil
}

// Convert returns the array with elements of type dt, float32 or float64; the array itself if it
// has that type.
func Convert(d *tensor.Dense, dt tensor.Dtype) *tensor.Dense {
	if d.Dtype() == dt {
		return d
	}
	out := tensor.New(tensor.Of(dt), tensor.WithShape(d.Shape()...))
	switch {
	case d.Dtype() == tensor.Float32:
		copyAs(out, d.Float32s())
	case d.Dtype() == tensor.Float64:
		copyAs(out, d.Float64s())
	default:
		copyAs(out, d.Int64s())
	}
	return out
}

func copyAs[T float32 | float64 | int64](dst *tensor.Dense, src []T) {
	if dst.Dtype() == tensor.Float64 {
		for i, v := range src {
			dst.Float64s()[i] = float64(v)
		}
		return
	}
	for i, v := range src {
		dst.Float32s()[i] = float32(v)
	}
}
