package onnx

import (
	"fmt"
	"slices"
	"strings"

	"convgraph/onnx/schema"
)

// Exporters that trace a program write x.view(x.size(0), -1) and the order of
// a padding as arithmetic on short lists of integers, in nodes of their own.
// It is computed here, with batchProbe standing for the batch.

// batchProbe is a prime that no size has, so that one sees what becomes of the
// batch.
const batchProbe = 1_000_003

// dimsText writes a shape, with N for the batch.
func dimsText(dims []int64) string {
	text := make([]string, len(dims))
	for i, d := range dims {
		if text[i] = fmt.Sprint(d); d == batchProbe {
			text[i] = "N"
		}
	}
	return "(" + strings.Join(text, ", ") + ")"
}

// maxList bounds the lists: a shape or a padding, and then some.
const maxList = 64

// list is a constant of integers: a scalar, a row or a matrix.
type list struct {
	dims   []int64
	values []int64
}

var listOps = map[string]func(im *importer, n *schema.Node, a *attributes) (list, error){
	"Cast": func(im *importer, n *schema.Node, a *attributes) (list, error) {
		if to := schema.ElementType(a.int("to", 0)); to != schema.Int64 && to != schema.Int32 {
			return list{}, fmt.Errorf("to element type %d is not supported", to)
		}
		return im.list(n, 0)
	},
	"Concat":          (*importer).concat,
	"ConstantOfShape": (*importer).constantOfShape,
	"Equal":           (*importer).equal,
	"Gather":          (*importer).gather,
	"Slice":           (*importer).slice,
	"Squeeze":         func(im *importer, n *schema.Node, a *attributes) (list, error) { return im.single(n, a, nil) },
	"Transpose":       (*importer).transposeList,
	"Unsqueeze":       func(im *importer, n *schema.Node, a *attributes) (list, error) { return im.single(n, a, []int64{1}) },
}

// foldList computes one node on lists.
func (im *importer) foldList(n *schema.Node, a *attributes) (schema.Tensor, error) {
	l, err := listOps[n.Op](im, n, a)
	if err != nil {
		return schema.Tensor{}, err
	}
	if len(l.values) > maxList {
		return schema.Tensor{}, fmt.Errorf("makes a list of %d integers: want at most %d", len(l.values), maxList)
	}
	return schema.Tensor{Name: n.Outputs[0], Type: schema.Int64, Dims: l.dims, Int64s: l.values}, nil
}

// shapeOf is the Shape operator, the one that may look back along the chain.
func (im *importer) shapeOf(n *schema.Node, a *attributes) error {
	if len(n.Inputs) != 1 {
		return fmt.Errorf("expected 1 input, found %d", len(n.Inputs))
	}
	dims := []int64{batchProbe}
	for _, d := range im.passed[n.Inputs[0]] {
		dims = append(dims, int64(d))
	}
	begin, end := clip(a.int("start", 0), len(dims)), clip(a.int("end", int64(len(dims))), len(dims))
	dims = dims[begin:max(begin, end)]
	im.constants[n.Outputs[0]] = &schema.Tensor{Name: n.Outputs[0], Type: schema.Int64, Dims: []int64{int64(len(dims))}, Int64s: dims}
	return nil
}

// clip brings an index that may count from the end into a list's bounds.
func clip(i int64, length int) int64 {
	if i < 0 {
		i += int64(length)
	}
	return min(max(i, 0), int64(length))
}

// list returns input i of a node as integers.
func (im *importer) list(n *schema.Node, i int) (list, error) {
	t, ok := im.constants[input(n, i)]
	if !ok {
		return list{}, fmt.Errorf("input %d is missing", i)
	}
	return listOf(t)
}

// listOf reads a short list; one of no numbers at all is a list too.
func listOf(t *schema.Tensor) (list, error) {
	total := int64(1)
	for _, d := range t.Dims {
		if len(t.Dims) > 2 || d < 0 || d > maxList {
			return list{}, fmt.Errorf("%q has shape %v: expected a short list of integers", t.Name, t.Dims)
		}
		total *= d
	}
	if total == 0 {
		return list{dims: t.Dims}, nil
	}
	value, err := t.Dense()
	if err != nil {
		return list{}, err
	}
	switch v := value.Data().(type) {
	case []int64:
		return list{t.Dims, v}, nil
	case int64:
		return list{t.Dims, []int64{v}}, nil
	}
	return list{}, fmt.Errorf("%q: expected integers, found %v", t.Name, value.Dtype())
}

// row is a list that must not be a matrix.
func (im *importer) row(n *schema.Node, i int) ([]int64, error) {
	l, err := im.list(n, i)
	if err == nil && len(l.dims) > 1 {
		err = fmt.Errorf("input %d has shape %v: expected a row", i, l.dims)
	}
	return l.values, err
}

func (im *importer) concat(n *schema.Node, a *attributes) (list, error) {
	a.only("axis", 0)
	var out list
	for i := range n.Inputs {
		values, err := im.row(n, i)
		if err != nil {
			return out, err
		}
		if out.values = append(out.values, values...); len(out.values) > maxList {
			break
		}
	}
	out.dims = []int64{int64(len(out.values))}
	return out, nil
}

func (im *importer) constantOfShape(n *schema.Node, a *attributes) (list, error) {
	value := int64(0)
	if attribute, ok := a.take("value", schema.TensorValue); ok && attribute.Tensor != nil {
		l, err := listOf(attribute.Tensor)
		if err != nil {
			return list{}, err
		}
		if len(l.values) != 1 {
			return list{}, fmt.Errorf("value has shape %v: expected one integer", l.dims)
		}
		value = l.values[0]
	}
	shape, err := im.row(n, 0)
	if err != nil {
		return list{}, err
	}
	if len(shape) != 1 || shape[0] < 0 || shape[0] > maxList {
		return list{}, fmt.Errorf("of shape %v is not supported: want a list of at most %d", shape, maxList)
	}
	return list{shape, slices.Repeat([]int64{value}, int(shape[0]))}, nil
}

func (im *importer) gather(n *schema.Node, a *attributes) (list, error) {
	a.only("axis", 0)
	data, err := im.row(n, 0)
	if err != nil {
		return list{}, err
	}
	at, err := im.list(n, 1)
	if err != nil {
		return list{}, err
	}
	out := list{dims: at.dims}
	for _, i := range at.values {
		if i < 0 {
			i += int64(len(data))
		}
		if i < 0 || i >= int64(len(data)) {
			return list{}, fmt.Errorf("index %d is outside of a list of %d", i, len(data))
		}
		out.values = append(out.values, data[i])
	}
	return out, nil
}

// equal compares single numbers: 1 if they are the same, else 0.
func (im *importer) equal(n *schema.Node, a *attributes) (list, error) {
	l, err := im.list(n, 0)
	if err != nil {
		return l, err
	}
	r, err := im.list(n, 1)
	if err != nil {
		return r, err
	}
	if len(l.values) != 1 || len(r.values) != 1 {
		return l, fmt.Errorf("of shapes %v and %v is not supported: want one number and one", l.dims, r.dims)
	}
	if l.values[0] == r.values[0] {
		return list{l.dims, []int64{1}}, nil
	}
	return list{l.dims, []int64{0}}, nil
}

// slice is supported along the first axis: of a row's numbers, a matrix's rows.
func (im *importer) slice(n *schema.Node, _ *attributes) (list, error) {
	data, err := im.list(n, 0)
	if err != nil {
		return data, err
	}
	if len(data.dims) == 0 {
		return data, fmt.Errorf("of a scalar")
	}
	bounds := [4]int64{0, 0, 0, 1} // start, end, axis, step
	for i := range bounds {
		if input(n, i+1) == "" && i >= 2 {
			continue
		}
		values, err := im.row(n, i+1)
		if err != nil {
			return data, err
		}
		if len(values) != 1 {
			return data, fmt.Errorf("input %d: expected one number, found %d", i+1, len(values))
		}
		bounds[i] = values[0]
	}
	start, end, axis, step := bounds[0], bounds[1], bounds[2], bounds[3]
	if axis != 0 || step != 1 && step != -1 {
		return data, fmt.Errorf("along axis %d by steps of %d is not supported", axis, step)
	}
	rows := int(data.dims[0])
	width := len(data.values) / max(rows, 1)
	picked := picks(start, end, step, rows)
	out := list{dims: append([]int64{int64(len(picked))}, data.dims[1:]...)}
	for _, r := range picked {
		out.values = append(out.values, data.values[r*width:(r+1)*width]...)
	}
	return out, nil
}

// picks lists the rows from start to before end, forwards or backwards.
func picks(start, end, step int64, rows int) (picked []int) {
	if step > 0 {
		for r := clip(start, rows); r < clip(end, rows); r++ {
			picked = append(picked, int(r))
		}
		return picked
	}
	if start < 0 {
		start += int64(rows)
	}
	last := int64(-1) // an end before the first row, however far
	if end >= 0 {
		last = end
	} else if end >= -int64(rows) {
		last = end + int64(rows)
	}
	for r := min(start, int64(rows)-1); r > last && r >= 0; r-- {
		picked = append(picked, int(r))
	}
	return picked
}

// single is Squeeze and Unsqueeze between a scalar and a row of one.
func (im *importer) single(n *schema.Node, a *attributes, dims []int64) (list, error) {
	l, err := im.list(n, 0)
	if err != nil {
		return l, err
	}
	a.ints("axes")
	if len(l.values) != 1 {
		return l, fmt.Errorf("of shape %v is not supported: want one number", l.dims)
	}
	return list{dims, l.values}, nil
}

func (im *importer) transposeList(n *schema.Node, a *attributes) (list, error) {
	l, err := im.list(n, 0)
	if err != nil {
		return l, err
	}
	perm := a.ints("perm")
	if len(l.dims) != 2 || perm != nil && !slices.Equal(perm, []int64{1, 0}) {
		return l, fmt.Errorf("of shape %v to order %v is not supported", l.dims, perm)
	}
	return list{
		[]int64{l.dims[1], l.dims[0]},
		transposedSlice(l.values, int(l.dims[0]), int(l.dims[1])),
	}, nil
}
