package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/onnx/schema"
)

// A constant is an array that doesn't depend on the images. It stays in the file's bytes until its
// numbers are read.
type constant struct {
	name   string
	dims   []int
	kind   schema.ElementType
	stored *schema.Tensor // in the file; nil: in values
	values any            // []float32, []float64 or []number
	filled bool           // values is one number, which every element has
}

// count returns the number of elements, or maxElements+1 if there are more.
func (c *constant) count() int { return count(c.dims) }

// count is the number of elements, or maxElements+1 for more.
func count(dims []int) int {
	total := 1
	for _, n := range dims {
		if n < 0 || n > 0 && total > maxElements/n {
			return maxElements + 1
		}
		total *= n
	}
	return total
}

const maxElements = 1 << 31

// isFloat reports whether the elements are floats.
func (c *constant) isFloat() bool {
	switch c.kind {
	case schema.Float32, schema.Float64, schema.Float16, schema.BFloat16:
		return true
	}
	return false
}

// stored is a tensor of the file as a constant.
func (im *importer) stored(t *schema.Tensor) (*constant, error) {
	c := &constant{name: t.Name, kind: t.Type, stored: t, dims: make([]int, len(t.Dims))}
	for i, n := range t.Dims {
		if n < 0 || n > maxElements {
			return nil, fmt.Errorf("tensor %q: its shape: got %v, want sizes from 0 to %d", t.Name, t.Dims, maxElements)
		}
		c.dims[i] = int(n)
	}
	if c.count() > maxElements {
		return nil, fmt.Errorf("tensor %q: its shape: got %v, want at most %d elements", t.Name, t.Dims, maxElements)
	}
	return c, nil
}

// dense is a stored tensor's numbers in memory of their own.
func (im *importer) dense(c *constant) (*tensor.Dense, error) {
	t := *c.stored
	if t.External {
		data, err := im.external(&t)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", c.name, err)
		}
		t.External, t.Raw = false, data
	}
	return t.Dense()
}

// numbers reads a constant's numbers.
func (im *importer) numbers(c *constant) (any, error) {
	if c.values != nil && !c.filled {
		return c.values, nil
	}
	if err := im.spend(c.count() * 8); err != nil {
		return nil, fmt.Errorf("%q: %w", c.name, err)
	}
	if c.filled {
		c.values, c.filled = pick(c.values, c.count(), func(int) int { return 0 }), false
		return c.values, nil
	}
	if c.count() == 0 {
		if c.isFloat() {
			return []float32{}, nil
		}
		return []number{}, nil
	}
	value, err := im.dense(c)
	if err != nil {
		return nil, err
	}
	c.values, c.stored = slice(value), nil
	return c.values, nil
}

// slice is a tensor's numbers as a constant keeps them.
func slice(value *tensor.Dense) any {
	switch data := value.Data().(type) {
	case []float32, []float64:
		return data
	case float32:
		return []float32{data}
	case float64:
		return []float64{data}
	case int64:
		return []number{{fixed: data}}
	case []int64:
		out := make([]number, len(data))
		for i, v := range data {
			out[i].fixed = v
		}
		return out
	}
	return nil
}

// pick is n of the values, each by its index.
func pick(values any, n int, index func(i int) int) any {
	switch v := values.(type) {
	case []float32:
		return picked(v, n, index)
	case []float64:
		return picked(v, n, index)
	case []number:
		return picked(v, n, index)
	}
	return nil
}

func picked[T any](values []T, n int, index func(i int) int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = values[index(i)]
	}
	return out
}

// ints returns a constant's integers.
func (im *importer) ints(c *constant) ([]number, error) {
	if c == nil {
		return nil, fmt.Errorf("a list of integers is missing")
	}
	if c.count() > maxList {
		return nil, fmt.Errorf("%q: got %d integers, want at most %d", c.name, c.count(), maxList)
	}
	values, err := im.numbers(c)
	if err != nil {
		return nil, err
	}
	list, ok := values.([]number)
	if !ok {
		return nil, fmt.Errorf("%q is floats: want integers", c.name)
	}
	return list, nil
}

// maxList bounds what is read as a list of integers.
const maxList = 1 << 20

// fixedInts returns integers that don't depend on the batch.
func (im *importer) fixedInts(c *constant) ([]int64, error) {
	list, err := im.ints(c)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(list))
	for i, v := range list {
		if !v.isFixed() {
			return nil, fmt.Errorf("%q depends on the number of images: want fixed numbers", c.name)
		}
		out[i] = v.fixed
	}
	return out, nil
}

// floats returns a constant's elements as float64, also integers.
func (im *importer) floats(c *constant) ([]float64, error) {
	if c == nil {
		return nil, fmt.Errorf("a constant is missing")
	}
	values, err := im.numbers(c)
	if err != nil {
		return nil, err
	}
	switch v := values.(type) {
	case []float64:
		return v, nil
	case []float32:
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = float64(x)
		}
		return out, nil
	}
	fixed, err := im.fixedInts(c)
	out := make([]float64, len(fixed))
	for i, x := range fixed {
		out[i] = float64(x)
	}
	return out, err
}

// scalar returns the number of a constant of one element; a float32 as it prints, 1e-4 and not
// 9.999999747378752e-05.
func (im *importer) scalar(c *constant) (float64, error) {
	if c == nil {
		return 0, fmt.Errorf("a number is missing")
	}
	if c.count() != 1 {
		return 0, fmt.Errorf("%q: got shape %v, want one number", c.name, c.dims)
	}
	values, err := im.numbers(c)
	if err != nil {
		return 0, err
	}
	if v, ok := values.([]float32); ok {
		return shortest(v[0]), nil
	}
	list, err := im.floats(c)
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

// parameter returns a constant as a parameter of the given shape, in its own memory.
func (im *importer) parameter(c *constant, shape ...int) (*tensor.Dense, error) {
	if c == nil {
		return nil, fmt.Errorf("a parameter is missing or not constant")
	}
	if !c.isFloat() {
		return nil, fmt.Errorf("parameter %q holds integers: want floats", c.name)
	}
	if count(shape) != c.count() {
		return nil, fmt.Errorf("parameter %q: got shape %v, want %v", c.name, c.dims, shape)
	}
	if c.stored != nil {
		size := 4
		if c.kind == schema.Float64 {
			size = 8
		}
		if err := im.spend(c.count() * size); err != nil {
			return nil, fmt.Errorf("parameter %q: %w", c.name, err)
		}
		value, err := im.dense(c)
		if err != nil {
			return nil, fmt.Errorf("parameter: %w", err)
		}
		if len(shape) == 0 {
			return value, nil
		}
		return value, value.Reshape(shape...)
	}
	if c.filled {
		if im.fill -= c.count(); im.fill < 0 {
			return nil, fmt.Errorf("parameter %q: parameters of one number each have more than %d elements in all",
				c.name, maxFilled)
		}
		return dense(pick(c.values, c.count(), func(int) int { return 0 }), shape), nil
	}
	if err := im.spend(c.count() * 8); err != nil {
		return nil, fmt.Errorf("parameter %q: %w", c.name, err)
	}
	return dense(pick(c.values, c.count(), func(i int) int { return i }), shape), nil
}

func dense(values any, shape []int) *tensor.Dense {
	if len(shape) == 0 {
		shape = []int{1}
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
}

// spend takes memory from what the file may cost.
func (im *importer) spend(bytes int) error {
	if im.budget -= bytes; im.budget < 0 {
		return fmt.Errorf("constants and parameters take more than %d times the file's size: too many nodes share them",
			sharing)
	}
	return nil
}

// broadcast is ONNX's rule: shapes are aligned at their last axes, and axes of size 1 are repeated.
func broadcast(a, b []int) ([]int, error) {
	rank := max(len(a), len(b))
	out := make([]int, rank)
	for i := range out {
		m, n := sizeFromEnd(a, rank-i), sizeFromEnd(b, rank-i)
		if m != n && m != 1 && n != 1 {
			return nil, fmt.Errorf("shapes %v and %v don't broadcast", a, b)
		}
		if out[i] = m; m == 1 {
			out[i] = n
		}
	}
	return out, nil
}

// sizeFromEnd returns the size of the k-th axis from the end, or 1 if there is none.
func sizeFromEnd(dims []int, k int) int {
	if k > len(dims) {
		return 1
	}
	return dims[len(dims)-k]
}

// broadcastIndex returns the index into an array of the given shape for element i of the shape it
// is broadcast to.
func broadcastIndex(i int, to, dims []int) (index int) {
	stride := 1
	for k := 1; k <= len(to); k++ {
		n := sizeFromEnd(to, k)
		if own := sizeFromEnd(dims, k); own > 1 {
			index += i % n * stride
			stride *= own
		}
		i /= max(n, 1)
	}
	return index
}

// permutedIndex is, for element i of an array with its axes in another order, the element it was.
func permutedIndex(dims, order []int) func(i int) int {
	strides := make([]int, len(dims))
	for axis, stride := len(dims)-1, 1; axis >= 0; axis-- {
		strides[axis] = stride
		stride *= dims[axis]
	}
	return func(i int) (at int) {
		for k := len(order) - 1; k >= 0; k-- {
			axis := order[k]
			at += i % dims[axis] * strides[axis]
			i /= dims[axis]
		}
		return at
	}
}

// transposed is a constant with its axes in another order.
func (im *importer) transposed(c *constant, order []int) (*constant, error) {
	dims := make([]int, len(order))
	for k, axis := range order {
		dims[k] = c.dims[axis]
	}
	if c.filled || slices.IsSorted(order) {
		moved := *c
		moved.dims = dims
		return &moved, nil
	}
	if err := im.spend(8 * c.count()); err != nil {
		return nil, err
	}
	values := c.values
	if c.stored != nil { // not kept: a weight is transposed once
		value, err := im.dense(c)
		if err != nil {
			return nil, err
		}
		values = slice(value)
	}
	return &constant{name: c.name, dims: dims, kind: c.kind,
		values: pick(values, c.count(), permutedIndex(c.dims, order))}, nil
}

// integers is a constant of a list of integers.
func integers(name string, values ...number) *constant {
	return &constant{name: name, dims: []int{len(values)}, kind: schema.Int64, values: slices.Clone(values)}
}
