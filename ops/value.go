package ops

import (
	"fmt"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Lent is a value with a tensor's shape whose elements lie in other memory, which may change from
// one run of an op to the next. So an op of this package reads an array of the caller's without a
// copy of it; one of gorgonia's would read the tensor's own elements.
type Lent struct {
	*tensor.Dense
	Values []float32
}

// elements returns the elements of a value in row-major order. It copies only views, which
// gorgonia's own ops return (a transpose, a slice).
func elements[T kernel.Float](v G.Value) ([]T, error) {
	switch v := v.(type) {
	case *tensor.Dense:
		return denseElements[T](v)
	case *Lent:
		if out, ok := any(&v.Values).(*[]T); ok {
			return *out, nil
		}
		return nil, fmt.Errorf("value: got lent float32, want %v", dtypeOf[T]())
	case *G.F32:
		return scalarElement[T](unsafe.Pointer(v), tensor.Float32)
	case *G.F64:
		return scalarElement[T](unsafe.Pointer(v), tensor.Float64)
	}
	return nil, fmt.Errorf("value: got a %T, want a dense tensor or a float", v)
}

func denseElements[T kernel.Float](d *tensor.Dense) ([]T, error) {
	if d == nil {
		return nil, fmt.Errorf("value: got nil, want a dense tensor")
	}
	if d.Dtype() != dtypeOf[T]() {
		return nil, fmt.Errorf("value: got %v, want %v", d.Dtype(), dtypeOf[T]())
	}
	if d.RequiresIterator() || d.DataOrder().IsColMajor() {
		d = d.Materialize().(*tensor.Dense)
	}
	// Dense.Data would box a slice header at every call.
	switch out := any(new([]T)).(type) {
	case *[]float32:
		*out = d.Float32s()
		return *any(out).(*[]T), nil
	case *[]float64:
		*out = d.Float64s()
		return *any(out).(*[]T), nil
	}
	return nil, fmt.Errorf("value: got %v, want float32 or float64", d.Dtype())
}

func scalarElement[T kernel.Float](p unsafe.Pointer, dt tensor.Dtype) ([]T, error) {
	if dt != dtypeOf[T]() {
		return nil, fmt.Errorf("value: got %v, want %v", dt, dtypeOf[T]())
	}
	return unsafe.Slice((*T)(p), 1), nil
}

// newValue allocates a value of the given shape and the slice behind it.
func newValue[T kernel.Float](s tensor.Shape) (G.Value, []T) {
	if s.IsScalar() {
		return newScalar[T]()
	}
	data := make([]T, s.TotalSize())
	return tensor.New(tensor.WithShape(s...), tensor.WithBacking(data)), data
}

func newScalar[T kernel.Float]() (G.Value, []T) {
	data := make([]T, 1)
	switch p := any(&data[0]).(type) {
	case *float64:
		return (*G.F64)(p), data
	case *float32:
		return (*G.F32)(p), data
	}
	panic("unreachable: kernel.Float is float32 or float64")
}
