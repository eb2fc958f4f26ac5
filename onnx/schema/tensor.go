package schema

import (
	"encoding/binary"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/raw"
)

var kinds = map[ElementType]raw.Kind{
	Float32: raw.F32, Float64: raw.F64, Float16: raw.F16, BFloat16: raw.BF16, Bool: raw.Bool,
	Int8: raw.I8, Uint8: raw.U8, Int16: raw.I16, Uint16: raw.U16, Int32: raw.I32, Uint32: raw.U32, Int64: raw.I64,
	Uint64: raw.U64,
}

// NewTensor returns a float32, float64 or int64 tensor of any memory layout as
// ONNX writes it.
func NewTensor(name string, value *tensor.Dense) (Tensor, error) {
	kind, err := raw.KindOf(value)
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	data, err := raw.AppendLittleEndian([]byte{}, value)
	if err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	t := Tensor{Name: name, Raw: data,
		Type: map[raw.Kind]ElementType{raw.F32: Float32, raw.F64: Float64, raw.I64: Int64}[kind]}
	for _, dim := range value.Shape() {
		t.Dims = append(t.Dims, int64(dim))
	}
	return t, nil
}

// Bytes is how many bytes the tensor's elements take.
func (t *Tensor) Bytes() (int64, error) {
	kind, ok := kinds[t.Type]
	if !ok {
		return 0, fmt.Errorf("element type %d is not supported: want a float of 16 to 64 bits, "+
			"an integer of 8 to 64 bits, or bool", t.Type)
	}
	size, err := raw.Bytes(kind, t.Dims)
	return int64(size), err
}

// Dense returns the tensor's elements in memory of their own. Floats up to 32
// bits become float32, integers and bool int64. Elements in another file, text,
// complex numbers and types of less than a byte are refused.
func (t *Tensor) Dense() (*tensor.Dense, error) {
	value, err := t.dense()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return value, nil
}

func (t *Tensor) dense() (*tensor.Dense, error) {
	if t.External {
		return nil, fmt.Errorf("its elements are in another file")
	}
	kind, ok := kinds[t.Type]
	if !ok {
		return nil, fmt.Errorf("element type %d is not supported: want a float of 16 to 64 bits, "+
			"an integer of 8 to 64 bits, or bool", t.Type)
	}
	size, err := raw.Bytes(kind, t.Dims)
	if err != nil {
		return nil, err
	}
	data := t.Raw
	if data == nil {
		if data, err = t.listed(kind, size/kind.Size()); err != nil {
			return nil, err
		}
	}
	shape := make([]int, len(t.Dims))
	for i, dim := range t.Dims {
		shape[i] = int(dim) // raw.Bytes has seen that the product fits
	}
	return raw.Dense(kind, raw.Layout{Order: binary.LittleEndian}, shape, data)
}

// listed returns as raw bytes the elements that are in a list of their own.
func (t *Tensor) listed(kind raw.Kind, count int) ([]byte, error) {
	switch kind {
	case raw.F32:
		return pack(t.Floats, kind, count, func(v float32) uint64 { return uint64(math.Float32bits(v)) })
	case raw.F64:
		return pack(t.Doubles, kind, count, math.Float64bits)
	case raw.I64:
		return pack(t.Int64s, kind, count, func(v int64) uint64 { return uint64(v) })
	case raw.U32, raw.U64:
		return pack(t.Uint64s, kind, count, func(v uint64) uint64 { return v })
	default:
		return pack(t.Int32s, kind, count, func(v int32) uint64 { return uint64(v) })
	}
}

func pack[T any](values []T, kind raw.Kind, count int, bits func(T) uint64) ([]byte, error) {
	if len(values) != count {
		return nil, fmt.Errorf("got %d elements of %s, want %d", len(values), kind, count)
	}
	size := kind.Size()
	data := make([]byte, 0, count*size)
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, bits(v))[:len(data)+size]
	}
	return data, nil
}
