// Package raw turns the bytes of an array in a file into a dense tensor and
// back. It checks every size against the bytes that are really there before it
// allocates anything, so a hostile header costs nothing.
package raw

import (
	"fmt"
	"math/bits"
)

// Kind is the type of an element as it stands in a file.
type Kind uint8

// The element types that other people's files use. Complex numbers, strings
// and objects are not arrays of numbers to us.
const (
	Invalid Kind = iota
	Bool
	I8
	U8
	I16
	U16
	I32
	U32
	I64
	U64
	F16
	BF16
	F32
	F64
)

var kinds = [...]struct {
	name string
	size int
}{
	Invalid: {"invalid", 0},
	Bool:    {"bool", 1},
	I8:      {"int8", 1},
	U8:      {"uint8", 1},
	I16:     {"int16", 2},
	U16:     {"uint16", 2},
	I32:     {"int32", 4},
	U32:     {"uint32", 4},
	I64:     {"int64", 8},
	U64:     {"uint64", 8},
	F16:     {"float16", 2},
	BF16:    {"bfloat16", 2},
	F32:     {"float32", 4},
	F64:     {"float64", 8},
}

// Size is the number of bytes of one element.
func (k Kind) Size() int { return kinds[k].size }

func (k Kind) String() string { return kinds[k].name }

// MaxDims is the largest rank accepted: NumPy's own limit is 64, and no
// network's parameter comes near it.
const MaxDims = 32

// Bytes returns the number of bytes that a shape takes, or says why there can
// be no such array in memory: a negative or zero dimension, too many of them,
// or a product past the address space.
func Bytes[I int | int64 | uint64](kind Kind, shape []I) (int, error) {
	if len(shape) > MaxDims {
		return 0, fmt.Errorf("shape has %d dimensions: at most %d are supported", len(shape), MaxDims)
	}
	total := uint64(kind.Size())
	for i, dim := range shape {
		if dim < 0 {
			return 0, fmt.Errorf("shape %v: dimension %d is negative", shape, i)
		}
		if dim == 0 {
			return 0, fmt.Errorf("shape %v: dimension %d is 0: an empty array is not supported", shape, i)
		}
		high, low := bits.Mul64(total, uint64(dim))
		if high != 0 || low > maxBytes {
			return 0, fmt.Errorf("shape %v of %s does not fit in memory", shape, kind)
		}
		total = low
	}
	return int(total), nil
}

// maxBytes keeps sizes inside int on every platform, with room to add them up.
const maxBytes = uint64(^uint(0)>>1) / 2
