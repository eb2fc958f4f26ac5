package gradcheck

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// values holds the elements of a tensor in row-major order; one of the two slices is set.
type values struct {
	f32 []float32
	f64 []float64
}

// valuesOf returns the elements of d without copying, so that setting one changes the tensor.
func valuesOf(d *tensor.Dense) (values, error) {
	if d == nil {
		return values{}, fmt.Errorf("got nil, want a dense tensor")
	}
	if d.Dims() == 0 || d.Size() == 0 {
		return values{}, fmt.Errorf("got shape %v, want at least one dimension and one element", d.Shape())
	}
	if isView(d) {
		return values{}, fmt.Errorf("got a view or column-major order, want a row-major tensor that isn't a view")
	}
	switch d.Dtype() {
	case tensor.Float32:
		return values{f32: d.Float32s()}, nil
	case tensor.Float64:
		return values{f64: d.Float64s()}, nil
	}
	return values{}, fmt.Errorf("got %v, want float32 or float64", d.Dtype())
}

// copyOf copies the elements of a gorgonia value in row-major order: of a tensor in any layout, or
// of a scalar.
func copyOf(v G.Value) (values, error) {
	switch v := v.(type) {
	case *G.F32:
		return values{f32: []float32{float32(*v)}}, nil
	case *G.F64:
		return values{f64: []float64{float64(*v)}}, nil
	case *tensor.Dense:
		return copyOfDense(v)
	}
	return values{}, fmt.Errorf("got a %T, want a tensor or a scalar of float32 or float64", v)
}

func copyOfDense(d *tensor.Dense) (values, error) {
	if d == nil {
		return values{}, fmt.Errorf("got nil, want a dense tensor")
	}
	switch {
	case d.Dtype() != tensor.Float32 && d.Dtype() != tensor.Float64:
		return values{}, fmt.Errorf("got %v, want float32 or float64", d.Dtype())
	case isView(d):
		return copyOfView(d)
	case d.Dtype() == tensor.Float32:
		return values{f32: slices.Clone(d.Float32s())}, nil
	}
	return values{f64: slices.Clone(d.Float64s())}, nil
}

func isView(d *tensor.Dense) bool { return d.RequiresIterator() || d.DataOrder().IsColMajor() }

// copyOfView reads a transposed or sliced tensor by coordinates.
func copyOfView(d *tensor.Dense) (values, error) {
	var v values
	for i := range d.Shape().TotalSize() {
		x, err := d.At(coordinates(d.Shape(), i)...)
		if err != nil {
			return v, err
		}
		switch x := x.(type) {
		case float32:
			v.f32 = append(v.f32, x)
		case float64:
			v.f64 = append(v.f64, x)
		}
	}
	return v, nil
}

// coordinates returns the indices of the i-th element in row-major order.
func coordinates(shape []int, i int) []int {
	at := make([]int, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		at[axis] = i % shape[axis]
		i /= shape[axis]
	}
	return at
}

func (v values) len() int { return len(v.f32) + len(v.f64) }

func (v values) at(i int) float64 {
	if v.f32 != nil {
		return float64(v.f32[i])
	}
	return v.f64[i]
}

func (v values) set(i int, x float64) {
	if v.f32 != nil {
		v.f32[i] = float32(x)
		return
	}
	v.f64[i] = x
}

func (v values) copyFrom(w values) {
	copy(v.f32, w.f32)
	copy(v.f64, w.f64)
}

func (v values) clone() values { return values{slices.Clone(v.f32), slices.Clone(v.f64)} }

func (v values) slice(s span) values {
	if v.f32 != nil {
		return values{f32: v.f32[s.from:s.to]}
	}
	return values{f64: v.f64[s.from:s.to]}
}

// dense returns a vector that shares v's memory.
func (v values) dense() *tensor.Dense {
	if v.f32 != nil {
		return tensor.New(tensor.WithShape(v.len()), tensor.WithBacking(v.f32))
	}
	return tensor.New(tensor.WithShape(v.len()), tensor.WithBacking(v.f64))
}

// sameBits reports whether two values have the same elements, to the bit.
func (v values) sameBits(w values) bool {
	single := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	double := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
	return slices.EqualFunc(v.f32, w.f32, single) && slices.EqualFunc(v.f64, w.f64, double)
}
