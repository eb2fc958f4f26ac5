package raw

import (
	"encoding/binary"
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// Dense decodes data, the elements of an array of the given shape, into a new row-major tensor.
// len(data) must be exactly the size of the shape. Floats up to 32 bits become float32, float64
// stays, integers and bool become int64; a uint64 beyond int64's range is an error.
func Dense(kind Kind, layout Layout, shape []int, data []byte) (*tensor.Dense, error) {
	want, err := Bytes(kind, shape)
	if err != nil {
		return nil, err
	}
	if len(data) != want {
		return nil, fmt.Errorf("shape %v of %s: got %d bytes, want %d", shape, kind, len(data), want)
	}
	switch kind {
	case F16, BF16, F32:
		return newDense(shape, float32s(kind, layout.Order, data), layout.Fortran)
	case F64:
		return newDense(shape, float64s(layout.Order, data), layout.Fortran)
	case Bool, I8, U8, I16, U16, I32, U32, I64, U64:
		values, err := int64s(kind, layout.Order, data)
		if err != nil {
			return nil, err
		}
		return newDense(shape, values, layout.Fortran)
	}
	return nil, fmt.Errorf("element type %s can't be read", kind)
}

func newDense[T float32 | float64 | int64](shape []int, values []T, fortran bool) (*tensor.Dense, error) {
	if fortran {
		var err error
		if values, err = Gather(values, shape, fortranStrides(shape), 0); err != nil {
			return nil, err
		}
	}
	own := append(tensor.Shape{}, shape...)
	return tensor.New(tensor.WithShape(own...), tensor.WithBacking(values)), nil
}

func fortranStrides(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for i, dim := range shape {
		strides[i] = step
		step *= dim
	}
	return strides
}

func float32s(kind Kind, order binary.ByteOrder, data []byte) []float32 {
	out := make([]float32, len(data)/kind.Size())
	switch kind {
	case F16:
		for i := range out {
			out[i] = Float16(order.Uint16(data[2*i:]))
		}
	case BF16:
		for i := range out {
			out[i] = BFloat16(order.Uint16(data[2*i:]))
		}
	default:
		for i := range out {
			out[i] = math.Float32frombits(order.Uint32(data[4*i:]))
		}
	}
	return out
}

func float64s(order binary.ByteOrder, data []byte) []float64 {
	out := make([]float64, len(data)/8)
	for i := range out {
		out[i] = math.Float64frombits(order.Uint64(data[8*i:]))
	}
	return out
}

func int64s(kind Kind, order binary.ByteOrder, data []byte) ([]int64, error) {
	size := kind.Size()
	out := make([]int64, len(data)/size)
	for i := range out {
		element := data[i*size : (i+1)*size]
		switch kind {
		case Bool:
			if element[0] > 1 {
				return nil, fmt.Errorf("element %d: got bool %d, want 0 or 1", i, element[0])
			}
			out[i] = int64(element[0])
		case I8:
			out[i] = int64(int8(element[0]))
		case U8:
			out[i] = int64(element[0])
		case I16:
			out[i] = int64(int16(order.Uint16(element)))
		case U16:
			out[i] = int64(order.Uint16(element))
		case I32:
			out[i] = int64(int32(order.Uint32(element)))
		case U32:
			out[i] = int64(order.Uint32(element))
		default: // I64, U64
			u := order.Uint64(element)
			if kind == U64 && u > math.MaxInt64 {
				return nil, fmt.Errorf("element %d: uint64 %d does not fit in int64", i, u)
			}
			out[i] = int64(u)
		}
	}
	return out, nil
}

// KindOf returns the element type that a tensor is written as.
func KindOf(d *tensor.Dense) (Kind, error) {
	switch d.Dtype() {
	case tensor.Float32:
		return F32, nil
	case tensor.Float64:
		return F64, nil
	case tensor.Int64:
		return I64, nil
	}
	return Invalid, fmt.Errorf("dtype: got %v, want float32, float64 or int64", d.Dtype())
}

// AppendLittleEndian appends the elements in row-major order, for any layout of the tensor
// (transposed, sliced, column-major).
func AppendLittleEndian(dst []byte, d *tensor.Dense) ([]byte, error) {
	switch d.Dtype() {
	case tensor.Float32:
		values, err := rowMajor[float32](d)
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
		return dst, err
	case tensor.Float64:
		values, err := rowMajor[float64](d)
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
		return dst, err
	case tensor.Int64:
		values, err := rowMajor[int64](d)
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		}
		return dst, err
	}
	_, err := KindOf(d)
	return dst, err
}

// rowMajor returns the elements in row-major order: the tensor's own memory if it has that order,
// else a gathered copy.
func rowMajor[T float32 | float64 | int64](d *tensor.Dense) ([]T, error) {
	switch data := d.Data().(type) {
	case T:
		return []T{data}, nil
	case []T:
		return Gather(data, d.Shape(), d.Strides(), 0)
	}
	return nil, fmt.Errorf("a tensor of %v holds %T", d.Dtype(), d.Data())
}

// Gather returns the elements of a strided view in row-major order: element (i, j, …) is
// data[offset + i·strides[0] + j·strides[1] + …]. Strides count elements and must not be negative.
// A view must not have more elements than data, so that a broadcast dimension (stride 0) can't ask
// for more memory than data takes. If the view is already row-major, the result is a part of data.
func Gather[T any](data []T, shape, strides []int, offset int) ([]T, error) {
	if len(strides) != len(shape) {
		return nil, fmt.Errorf(
			"shape %v has %d dimensions, strides %v have %d", shape, len(shape), strides, len(strides),
		)
	}
	total, err := Bytes(U8, shape)
	if err != nil {
		return nil, err
	}
	if total > len(data) {
		return nil, fmt.Errorf(
			"shape %v with strides %v repeats elements: got %d from %d in memory", shape, strides, total, len(data),
		)
	}
	if err := checkReach(len(data), shape, strides, offset); err != nil {
		return nil, err
	}
	outer, run := contiguousTail(shape, strides)
	if outer == 0 {
		return data[offset : offset+total : offset+total], nil
	}
	out := make([]T, 0, total)
	index := make([]int, outer)
	for at := offset; ; {
		out = append(out, data[at:at+run]...)
		axis := outer - 1
		for ; axis >= 0; axis-- {
			index[axis]++
			at += strides[axis]
			if index[axis] < shape[axis] {
				break
			}
			at -= shape[axis] * strides[axis]
			index[axis] = 0
		}
		if axis < 0 {
			return out, nil
		}
	}
}

// checkReach checks that the view's last element lies within the data.
func checkReach(length int, shape, strides []int, offset int) error {
	if offset < 0 || offset >= length {
		return fmt.Errorf("the view starts at element %d of %d", offset, length)
	}
	last := offset
	for i, dim := range shape {
		if strides[i] < 0 {
			return fmt.Errorf("strides %v: stride %d is negative", strides, i)
		}
		if dim > 1 && strides[i] > (length-1-last)/(dim-1) {
			return fmt.Errorf(
				"shape %v with strides %v at element %d reaches past the last of %d elements", shape, strides, offset,
				length,
			)
		}
		last += (dim - 1) * strides[i]
	}
	return nil
}

// contiguousTail splits the axes: those from outer on are row-major without gaps, with run elements
// in all.
func contiguousTail(shape, strides []int) (outer, run int) {
	run = 1
	for outer = len(shape); outer > 0; outer-- {
		dim, stride := shape[outer-1], strides[outer-1]
		if dim != 1 && stride != run {
			break
		}
		run *= dim
	}
	return outer, run
}
