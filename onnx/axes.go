package onnx

import (
	"fmt"
	"slices"

	"convgraph/graph"
)

// transpose, reshape, flatten, squeeze and unsqueeze only change a value's layout.
func transpose(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	order, err := c.order(v.rank())
	if err != nil {
		return nil, err
	}
	if order[0] != 0 && !v.whole {
		if v.size(0) != 1 {
			return nil, fmt.Errorf("order %v of %s moves the batch: that is not supported", order, v.text())
		}
		return nil, fmt.Errorf("order %v moves the batch: that is not supported", order)
	}
	axes := make([][]int, len(order))
	for k, axis := range order {
		axes[k] = v.axes[axis]
	}
	v.layout = v.withAxes(axes)
	return one(v, nil)
}

func reshape(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	target, err := c.target()
	if err != nil {
		return nil, err
	}
	if len(target) == 0 {
		return nil, fmt.Errorf("to a scalar is not supported")
	}
	return one(c.im.reshaped(v, target))
}

// reshaped gives a value other axes. A fixed first size that equals the file's fixed batch is the
// batch.
func (im *importer) reshaped(v value, target []number) (value, error) {
	target = slices.Clone(target)
	if im.batch > 0 && !im.whole && target[0].batch == 0 && target[0].fixed > 0 {
		switch n := target[0].fixed; {
		case n == im.batch*int64(v.size(0)):
			target[0] = number{batch: int64(v.size(0))}
		case n%im.batch == 0:
			target[0] = number{batch: n / im.batch}
		}
	}
	dims, err := resolve(target, v.dims())
	if err != nil {
		return value{}, err
	}
	for i, d := range dims {
		if d.image != 0 || (d.batch != 0) != v.isBatch(i) || d.batch != 0 && d.fixed != 0 {
			return value{}, fmt.Errorf("of %s to %s moves the batch: that is not supported", v.text(), dimsText(dims))
		}
		if d.fixed > maxElements || d.batch > maxElements {
			return value{}, fmt.Errorf("of %s to %s is too large", v.text(), dimsText(dims))
		}
	}
	from := v.layout
	if v.inOrder() {
		from = newLayout(v.shape, v.whole)
	}
	if l, ok := from.reshaped(dims); ok {
		v.layout = l
		return v, nil
	}
	if v, err = im.settle(v); err != nil {
		return value{}, err
	}
	if v, err = im.inOrder(v); err != nil {
		return value{}, err
	}
	if l, ok := newLayout(v.shape, v.whole).reshaped(dims); ok {
		v.layout = l
		return v, nil
	}
	if v, err = im.row(v); err != nil {
		return value{}, err
	}
	l, ok := newLayout(v.shape, v.whole).reshaped(dims)
	if !ok {
		return value{}, fmt.Errorf("of %s to %s is not supported", v.text(), dimsText(dims))
	}
	v.layout = l
	return v, nil
}

func flatten(c *call) ([]value, error) {
	v, err := c.lazy(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 1), v.rank()+1)
	if err != nil {
		return nil, err
	}
	if v.isBatch(axis) {
		return nil, fmt.Errorf("from axis 0 on merges the images of a batch: that is not supported")
	}
	v.layout = v.withAxes([][]int{slices.Concat(v.axes[:axis]...), slices.Concat(v.axes[axis:]...)})
	return one(v, nil)
}

func squeeze(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	gone, err := withinAll(axes, v.rank())
	if err != nil {
		return nil, err
	}
	kept := [][]int{}
	for i, atoms := range v.axes {
		drop := slices.Contains(gone, i)
		if drop && (len(atoms) > 0 || v.isBatch(i)) {
			if v.isBatch(i) && c.im.batch == 1 && len(atoms) == 0 {
				return nil, fmt.Errorf("removes the batch: that is not supported")
			}
			return nil, fmt.Errorf("axis %d of %s: want one of size 1", i, v.text())
		}
		if !drop && !(axes == nil && !v.isBatch(i) && len(atoms) == 0) {
			kept = append(kept, atoms)
		}
	}
	v.layout = v.withAxes(kept)
	return one(v, nil)
}

func unsqueeze(c *call) ([]value, error) {
	v, err := c.lazyForm(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	rank := v.rank() + len(axes)
	added, err := withinAll(axes, rank)
	if err != nil {
		return nil, err
	}
	if rank > maxRank || slices.Contains(added, 0) && !v.whole {
		return nil, fmt.Errorf("axes %v of %s are not supported", axes, v.text())
	}
	var out [][]int
	rest := v.axes
	for i := range rank {
		if slices.Contains(added, i) {
			out = append(out, nil)
			continue
		}
		out, rest = append(out, rest[0]), rest[1:]
	}
	v.layout = v.withAxes(out)
	return one(v, nil)
}

func depthToSpace(c *call) ([]value, error) {
	mode := c.attributes.text("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("mode %q is not supported", mode)
	}
	b := c.count("blocksize", 0)
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	channels, height, width := v.shape[0], v.shape[1], v.shape[2]
	if c.attributes.err != nil || channels%(b*b) != 0 {
		return nil, fmt.Errorf("of %d channels in blocks of %d is not supported", channels, b)
	}
	depth := channels / (b * b)
	layer := graph.Rearrange{Dims: []int{b, b, depth, height, width}, Order: []int{2, 3, 0, 4, 1},
		Shape: []int{depth, height * b, width * b}}
	if mode == "CRD" {
		layer.Dims, layer.Order = []int{depth, b, b, height, width}, []int{0, 3, 1, 4, 2}
	}
	return one(c.im.add(layer, []value{v}, ""))
}

func spaceToDepth(c *call) ([]value, error) {
	b := c.count("blocksize", 0)
	mode := c.attributes.text("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("mode %q is not supported", mode)
	}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	channels, height, width := v.shape[0], v.shape[1], v.shape[2]
	if c.attributes.err != nil || height%b != 0 || width%b != 0 {
		return nil, fmt.Errorf("of %d rows and %d columns in blocks of %d is not supported", height, width, b)
	}
	layer := graph.Rearrange{
		Dims: []int{channels, height / b, b, width / b, b}, Order: []int{2, 4, 0, 1, 3},
		Shape: []int{channels * b * b, height / b, width / b},
	}
	if mode == "CRD" {
		layer.Order = []int{0, 2, 4, 1, 3}
	}
	return one(c.im.add(layer, []value{v}, ""))
}
