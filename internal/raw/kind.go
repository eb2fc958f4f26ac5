// Package raw converts between the bytes of an array in a file and a dense tensor. It checks every
// size against the available bytes before it allocates, so a hostile header costs nothing.
package raw

import (
	"fmt"
	"math/bits"
)

// Kind is the type of an element in a file.
type Kind uint8

// The element types of other programs' files, without complex numbers, strings and objects.
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

// Size returns the number of bytes of one element.
func (k Kind) Size() int { return kinds[k].size }

func (k Kind) String() string { return kinds[k].name }

// MaxDims is the largest rank accepted. NumPy's own limit is 64, and no network's parameter comes
// near it.
const MaxDims = 32

// Bytes returns the number of bytes of an array of the given shape. It refuses shapes that can't be
// in memory: a negative or zero dimension, too many dimensions, or a product beyond the address
// space.
func Bytes[I int | int64 | uint64](kind Kind, shape []I) (int, error) {
	if len(shape) > MaxDims {
		return 0, fmt.Errorf("shape: got %d dimensions, want at most %d", len(shape), MaxDims)
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

// maxBytes keeps sizes inside int on every platform, with a margin for adding them.
const maxBytes = uint64(^uint(0)>>1) / 2
