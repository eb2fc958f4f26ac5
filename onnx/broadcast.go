package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// Values are repeated, and constants become values, if an operator needs two inputs of equal shape.

// widened repeats a value along its axes of size 1 to larger sizes, which are aligned with its last
// axes.
func (im *importer) widened(v value, dims []int) (value, error) {
	for len(dims) > v.rank() && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) > v.rank() {
		if !v.whole {
			return value{}, fmt.Errorf("shape %v has more axes than %s", dims, v.text())
		}
		v.layout = v.ranked(len(dims))
	}
	for k := 1; k <= len(dims); k++ {
		n, axis := sizeFromEnd(dims, k), v.rank()-k
		if n == 1 || v.size(axis) != 1 || v.isBatch(axis) {
			continue
		}
		if n < 1 || n > maxSize || n > maxFolded/v.shape.TotalSize() {
			return value{}, fmt.Errorf("of %s to shape %v takes too much", v.text(), dims)
		}
		var err error
		if v, err = im.taken(v, axis, make([]int, n)); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

// ranked prepends axes of size 1 to the layout, up to a number of axes.
func (l layout) ranked(rank int) layout {
	return l.withAxes(append(make([][]int, rank-l.rank()), l.axes...))
}

// zeros makes zeros of the given shape. A layer needs an input, so they are the padding channels of
// some value.
func (im *importer) zeros(v value, shape tensor.Shape) (value, error) {
	n := shape[0]
	if len(shape) != 3 || !v.shape.Eq(shape) {
		var err error
		if v, err = im.rearrange(v, span(0, len(v.atoms)), []int{v.shape.TotalSize(), 1, 1}); err != nil {
			return value{}, err
		}
		n = shape.TotalSize()
	}
	out, err := im.add(graph.PadChannels{End: n}, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	if out, err = im.add(graph.Slice{Begin: v.shape[0], End: v.shape[0] + n}, []value{out}, ""); err != nil {
		return value{}, err
	}
	return im.rearrange(out, span(0, len(out.atoms)), shape)
}

// alongside makes a constant a value in the layout of another value, to which it is broadcast.
func (im *importer) alongside(v value, c *constant) (value, error) {
	shape, numbers, err := im.spread(c, v.layout)
	if err != nil {
		return value{}, err
	}
	out, err := im.zeros(v, v.shape)
	if err != nil {
		return value{}, err
	}
	out.layout = v.layout
	return im.add(graph.Scale{Shape: shape, NoWeight: true}, []value{out}, "", param{"bias", dense(numbers, shape)})
}

// asValue makes a constant a value of its own shape, in a network whose batch is part of its image.
func (im *importer) asValue(c *constant, near value) (value, error) {
	bias, err := im.parameter(c, c.count())
	if err != nil {
		return value{}, err
	}
	shape := tensor.Shape{c.count()}
	out, err := im.zeros(near, shape)
	if err != nil {
		return value{}, err
	}
	if out, err = im.add(graph.Scale{Shape: shape, NoWeight: true}, []value{out}, "", param{"bias", bias}); err != nil {
		return value{}, err
	}
	dims := make([]number, len(c.dims))
	for i, n := range c.dims {
		dims[i].fixed = int64(n)
	}
	l, ok := newLayout(shape, true).reshaped(dims)
	if !ok {
		return value{}, fmt.Errorf("a constant of shape %v is not supported", c.dims)
	}
	out.layout = l
	return out, nil
}

// merged returns the layout with one atom for those that stay adjacent.
func (l layout) merged() layout {
	for a := len(l.atoms) - 1; a > 0; a-- {
		if !l.adjacent(a-1, a) {
			continue
		}
		l.atoms = slices.Concat(l.atoms[:a-1], []int{l.atoms[a-1] * l.atoms[a]}, l.atoms[a+1:])
		axes := make([][]int, len(l.axes))
		for i, atoms := range l.axes {
			for _, b := range atoms {
				switch {
				case b < a:
					axes[i] = append(axes[i], b)
				case b > a:
					axes[i] = append(axes[i], b-1)
				}
			}
		}
		l.axes = axes
	}
	return l
}

// adjacent reports whether an atom follows another one in an axis of the value and in memory.
func (l layout) adjacent(first, second int) bool {
	inOne := func(atoms []int) bool {
		at := slices.Index(atoms, first)
		return at >= 0 && at+1 < len(atoms) && atoms[at+1] == second
	}
	if !slices.ContainsFunc(l.axes, inOne) {
		return false
	}
	for own := range l.shape {
		if inOne(l.own(own)) {
			return true
		}
	}
	return false
}
