package onnx

import (
	"fmt"
	"math"
	"slices"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

func concat(c *call) ([]value, error) {
	parts, err := c.parts()
	if err != nil {
		return nil, err
	}
	first := parts[0]
	axis, err := within(c.int("axis", 1), first.rank())
	if err != nil {
		return nil, err
	}
	if first.isBatch(axis) {
		return nil, fmt.Errorf("along the batch is not supported")
	}
	if len(parts) == 1 {
		return one(parts[0], nil)
	}
	if !slices.ContainsFunc(parts, func(v value) bool { return !joins(v, first, axis) }) {
		return one(c.im.joined(parts, axis))
	}
	for i := range parts {
		if parts[i], err = c.im.canonical(parts[i], axis); err != nil {
			return nil, err
		}
		if !joins(parts[i], parts[0], axis) {
			return nil, fmt.Errorf("of %s and %s along axis %d: want the other sizes alike",
				first.text(), parts[i].text(), axis)
		}
	}
	return one(c.im.joined(parts, axis))
}

// parts are the inputs of a Concat, without those that are empty.
func (c *call) parts() ([]value, error) {
	var parts []value
	near := c.inputs[slices.IndexFunc(c.inputs, func(o operand) bool { return o.value != nil })]
	for i, in := range c.inputs {
		if in.constant != nil && in.constant.count() == 0 {
			continue
		}
		var part value
		var err error
		if in.constant != nil && c.im.whole {
			part, err = c.im.asValue(in.constant, near.value.with(nil))
		} else {
			part, err = c.x(i)
		}
		if err != nil {
			return nil, err
		}
		if parts = append(parts, part); part.rank() != parts[0].rank() {
			return nil, fmt.Errorf("of %s and %s is not supported", parts[0].text(), part.text())
		}
	}
	return parts, nil
}

// joins reports whether two values have the axis as their channels and are alike otherwise.
func joins(v, w value, axis int) bool {
	if v.ownAxis(axis) != 0 || w.ownAxis(axis) != 0 || !v.shape[1:].Eq(w.shape[1:]) {
		return false
	}
	a, b := v.replaced(axis, 0, 2), w.replaced(axis, 0, 2)
	return a.same(b)
}

func (im *importer) joined(parts []value, axis int) (value, error) {
	out, err := im.add(graph.Concat{}, parts, "")
	if err != nil {
		return value{}, err
	}
	channels := 0
	for _, p := range parts {
		channels += p.shape[0]
	}
	out.layout = parts[0].replaced(axis, 0, channels)
	return out, nil
}

func split(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	if v.isBatch(axis) {
		return nil, fmt.Errorf("of the batch is not supported")
	}
	sizes, err := c.splitSizes(v.size(axis))
	if err != nil {
		return nil, err
	}
	if v, err = c.im.separate(v, axis); err != nil {
		return nil, err
	}
	var parts []value
	first := 0
	for _, n := range sizes {
		if n == 0 && v.whole {
			parts = append(parts, v.empty(axis))
			continue
		}
		part, err := c.im.taken(v, axis, span(first, n))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		first += n
	}
	return parts, nil
}

// empty is a part of a value without numbers: a constant.
func (v value) empty(axis int) value {
	dims := fixed(v.dims())
	dims[axis] = 0
	return value{constant: &constant{dims: dims, kind: schema.Float32, values: []float32{}}}
}

func sliced(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	ranges, err := c.slices(v.rank())
	if err != nil {
		return nil, err
	}
	for _, r := range ranges {
		if v.isBatch(r.axis) {
			if r.start == 0 && r.step == 1 && r.end >= math.MaxInt32 {
				continue
			}
			return nil, fmt.Errorf("of the batch is not supported")
		}
		if v, err = c.im.taken(v, r.axis, r.indices(v.size(r.axis))); err != nil {
			return nil, err
		}
	}
	return one(v, nil)
}

// expand repeats a value along its axes of 1, to a shape.
func expand(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	shape, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	target, err := c.im.ints(shape)
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(target))
	for i, n := range target {
		axis := v.rank() - len(target) + i
		if dims[i] = int(n.fixed); axis == 0 && v.isBatch(0) && n == v.dims()[0] {
			dims[i] = 1 // the batch as it is
		}
		if n.batch != 0 && dims[i] != 1 || n.image != 0 || n.fixed < 0 || n.fixed > maxSize || axis == 0 &&
			v.isBatch(0) && dims[i] != 1 {
			return nil, fmt.Errorf("of %s to %s is not supported", v.text(), dimsText(target))
		}
	}
	if _, err := broadcast(fixed(v.dims()), dims); err != nil {
		return nil, fmt.Errorf("of %s to %s: the shapes don't broadcast", v.text(), dimsText(target))
	}
	return one(c.im.widened(v, dims))
}

// tile repeats a value along its axes.
func tile(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	given, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	repeats, err := c.im.fixedInts(given)
	if err != nil {
		return nil, err
	}
	if len(repeats) != v.rank() {
		return nil, fmt.Errorf("repeats: got %v for %s, want one for each axis", repeats, v.text())
	}
	for axis, times := range repeats {
		n := v.size(axis)
		switch {
		case times == 1:
			continue
		case v.isBatch(axis):
			return nil, fmt.Errorf("repeats the batch: that is not supported")
		case times < 1 || times > maxSize/int64(n):
			return nil, fmt.Errorf("repeats: got %v for %s, want sizes from 1 to %d", repeats, v.text(), maxSize)
		}
		if v, err = c.im.taken(v, axis, slices.Repeat(span(0, n), int(times))); err != nil {
			return nil, err
		}
	}
	return one(v, nil)
}

func gather(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	list, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	if v.isBatch(axis) {
		return one(c.im.gatherByImage(v, list))
	}
	indices, err := c.im.indices(list, v.size(axis))
	if err != nil {
		return nil, err
	}
	if v, err = c.im.taken(v, axis, indices); err != nil {
		return nil, err
	}
	dims := v.dims()
	var target []number
	for _, n := range list.dims {
		target = append(target, number{fixed: int64(n)})
	}
	return one(c.im.reshaped(v, slices.Concat(dims[:axis], target, dims[axis+1:])))
}

// gatherByImage takes numbers from a batch that lies flat, (N·k, …), where each image takes its
// own: n·k + i for the image n. PyTorch's exporter writes some views so.
func (im *importer) gatherByImage(v value, list *constant) (value, error) {
	numbers, err := im.ints(list)
	if err != nil {
		return value{}, err
	}
	indices := make([]int, len(numbers))
	if len(list.dims) == 0 || list.dims[0] != 1 {
		return value{}, fmt.Errorf("from the batch is not supported")
	}
	for k, n := range numbers {
		if n.batch != 0 || n.image != int64(v.size(0)) || n.fixed < 0 || n.fixed >= n.image {
			return value{}, fmt.Errorf("from the batch is not supported")
		}
		indices[k] = int(n.fixed)
	}
	v.layout = v.withAxes(append([][]int{nil}, v.axes...))
	if v, err = im.taken(v, 1, indices); err != nil {
		return value{}, err
	}
	target := []number{{batch: 1}}
	for _, n := range list.dims[1:] {
		target = append(target, number{fixed: int64(n)})
	}
	return im.reshaped(v, append(target, v.dims()[2:]...))
}

// taken is the slices of a value at the indices of an axis.
func (im *importer) taken(v value, axis int, indices []int) (value, error) {
	n := v.size(axis)
	if len(indices) == 0 {
		return value{}, fmt.Errorf("leaves nothing of axis %d of %s", axis, v.text())
	}
	if slices.Equal(indices, span(0, n)) {
		return v, nil
	}
	v, err := im.separate(v, axis)
	if err != nil {
		return value{}, err
	}
	own := v.ownAxis(axis)
	var layer graph.Layer = graph.Take{Axis: own, Indices: indices}
	if first := indices[0]; own == 0 && slices.Equal(indices, span(first, len(indices))) {
		layer = graph.Slice{Begin: first, End: first + len(indices)}
	}
	out, err := im.add(layer, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	out.layout = v.replaced(axis, own, len(indices))
	return out, nil
}
