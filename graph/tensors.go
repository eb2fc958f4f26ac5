package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

func zeros(dt tensor.Dtype, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
}

// denseOf returns a tensor with the values, rounded to its element type.
func denseOf(dt tensor.Dtype, shape tensor.Shape, values []float64) *tensor.Dense {
	d := zeros(dt, shape)
	for i, v := range values {
		setAt(d, i, v)
	}
	return d
}

// at returns the element with the index i in row-major order.
func at(d *tensor.Dense, i int) float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()[i]
	}
	return float64(d.Float32s()[i])
}

func setAt(d *tensor.Dense, i int, v float64) {
	if d.Dtype() == tensor.Float64 {
		d.Float64s()[i] = v
		return
	}
	d.Float32s()[i] = float32(v)
}

// float64s returns a tensor's elements as float64: its own memory if that is its type, else a copy.
func float64s(d *tensor.Dense) []float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()
	}
	out := make([]float64, d.Shape().TotalSize())
	readFloat64s(out, d, 0)
	return out
}

// readFloat64s sets dst to a tensor's elements from the one at first on.
func readFloat64s(dst []float64, d *tensor.Dense, first int) {
	if d.Dtype() == tensor.Float64 {
		copy(dst, d.Float64s()[first:])
		return
	}
	for i, v := range d.Float32s()[first:][:len(dst)] {
		dst[i] = float64(v)
	}
}

// checkDense returns an error unless a tensor's elements can be read from its memory in order.
func checkDense(d *tensor.Dense) error {
	if dt := d.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
		return fmt.Errorf("are %v: want float32 or float64", dt)
	}
	if d.Shape().TotalSize() > 0 && (d.RequiresIterator() || d.DataOrder().IsColMajor()) {
		return fmt.Errorf("are a view or column-major: want them row-major in one piece (see Materialize)")
	}
	return nil
}

// copyRows copies the value of a batch of n into the rows of dst, beginning with row first.
func copyRows(dst *tensor.Dense, first, n int, v G.Value) error {
	src, err := dense(v)
	if err != nil {
		return err
	}
	row := src.Shape().TotalSize() / n
	copyValues(dst, first*row, src, 0, n*row)
	return nil
}

// copyValues copies n elements between tensors of the same element type.
func copyValues(dst *tensor.Dense, to int, src *tensor.Dense, from, n int) {
	if dst.Dtype() == tensor.Float64 {
		copy(dst.Float64s()[to:to+n], src.Float64s()[from:from+n])
		return
	}
	copy(dst.Float32s()[to:to+n], src.Float32s()[from:from+n])
}

// assign copies all elements of src into dst, and converts them if the element types differ.
func assign(dst, src *tensor.Dense) {
	if dst.Dtype() == src.Dtype() {
		copyValues(dst, 0, src, 0, dst.Shape().TotalSize())
		return
	}
	for i, v := range float64s(src) {
		setAt(dst, i, v)
	}
}

func scalar(v G.Value) (float64, error) {
	switch v := v.(type) {
	case *G.F32:
		return float64(*v), nil
	case *G.F64:
		return float64(*v), nil
	}
	return 0, fmt.Errorf("the loss is a %T: want a float", v)
}

func dense(v G.Value) (*tensor.Dense, error) {
	d, ok := v.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("the value is a %T: want a tensor; has the step been run?", v)
	}
	return d, nil
}

// finite reports whether a value holds neither a NaN nor an infinity.
func finite(v G.Value) bool {
	switch v := v.(type) {
	case *G.F32:
		return xmath.IsFinite(*v)
	case *G.F64:
		return xmath.IsFinite(*v)
	case *tensor.Dense:
		if v.Dtype() == tensor.Float64 {
			return allFinite(v.Float64s())
		}
		return allFinite(v.Float32s())
	}
	return true
}

func allFinite[T float32 | float64](values []T) bool {
	for _, v := range values {
		if !xmath.IsFinite(v) {
			return false
		}
	}
	return true
}

// indices converts an index in row-major order to one index for each axis.
func indices(shape tensor.Shape, i int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d] = i % shape[d]
		i /= shape[d]
	}
	return at
}

func describeTensor(d *tensor.Dense) string {
	if d == nil {
		return "nil"
	}
	return fmt.Sprintf("%v %v", d.Shape(), d.Dtype())
}
