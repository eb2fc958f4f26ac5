package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// Values are moved into the order that an operator needs, if they aren't in it already.

// rearrange permutes a value's atoms and gives the layer's output a shape. The value is the same,
// in another layout.
func (im *importer) rearrange(v value, order, shape []int) (value, error) {
	inOrder := slices.IsSorted(order)
	if inOrder && v.shape.Eq(shape) {
		return v, nil
	}
	var layer graph.Layer = graph.Rearrange{Dims: slices.Clone(v.atoms), Order: slices.Clone(order),
		Shape: slices.Clone(shape)}
	switch {
	case inOrder && len(shape) == 1:
		layer = graph.Flatten{}
	case inOrder:
		layer = graph.Rearrange{Shape: slices.Clone(shape)}
	case isShuffle(v.layout, order, shape):
		layer = graph.ChannelShuffle{Groups: v.atoms[0]}
	}
	out, err := im.add(layer, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	l := layout{shape: slices.Clone(tensor.Shape(shape)), axes: make([][]int, v.rank()), whole: v.whole}
	now := make([]int, len(v.atoms))
	for at, a := range order {
		now[a] = at
		l.atoms = append(l.atoms, v.atoms[a])
	}
	for i, atoms := range v.axes {
		for _, a := range atoms {
			l.axes[i] = append(l.axes[i], now[a])
		}
	}
	out.layout = l.merged()
	return out, nil
}

// isShuffle reports whether an order swaps the two atoms of the channels.
func isShuffle(l layout, order, shape []int) bool {
	return len(l.shape) == 3 && l.shape.Eq(shape) && slices.Equal(l.own(0), []int{0, 1}) &&
		order[0] == 1 && order[1] == 0 && slices.IsSorted(order[2:])
}

// collapsed returns a layer's shape for any number of sizes.
func collapsed(sizes []int) []int {
	switch len(sizes) {
	case 0:
		return []int{1}
	case 1, 3:
		return sizes
	case 2:
		return []int{sizes[0], sizes[1], 1}
	}
	return []int{sizes[0], sizes[1], count(sizes[2:])}
}

// inOrder moves a value's elements into the file's order.
func (im *importer) inOrder(v value) (value, error) {
	var sizes []int
	for axis := range v.axes {
		if axis > 0 || v.size(0) > 1 {
			sizes = append(sizes, v.size(axis))
		}
	}
	return im.rearrange(v, v.sequence(), collapsed(sizes))
}

// image returns a value (N, C, H, W) as a layer's output (C, H, W).
func (im *importer) image(v value) (value, error) {
	if v.rank() != 4 || v.size(0) != 1 {
		return value{}, fmt.Errorf("of %s is not supported: want (N, C, H, W)", v.text())
	}
	return im.rearrange(v, v.sequence(), []int{v.size(1), v.size(2), v.size(3)})
}

// row returns a value (N, features) as a layer's output (features).
func (im *importer) row(v value) (value, error) {
	return im.rearrange(v, v.sequence(), []int{v.shape.TotalSize()})
}

// channels makes an axis of the value the channels, or the features.
func (im *importer) channels(v value, axis int) (value, error) {
	if axis < 0 || v.isBatch(axis) || axis >= v.rank() {
		return value{}, fmt.Errorf("of %s is not supported: want (N, C, …)", v.text())
	}
	if v.ownAxis(axis) == 0 {
		return v, nil
	}
	return im.canonical(v, axis)
}

// separate makes an axis of the value an axis of the layer's output.
func (im *importer) separate(v value, axis int) (value, error) {
	if v.ownAxis(axis) >= 0 {
		return v, nil
	}
	return im.canonical(v, axis)
}

// canonical makes an axis of the value the channels, and the others, in order, the plane.
func (im *importer) canonical(v value, axis int) (value, error) {
	order, sizes := slices.Clone(v.axes[axis]), []int{v.size(axis)}
	for i, atoms := range v.axes {
		if i == axis || i == 0 && len(atoms) == 0 {
			continue
		}
		order = append(order, atoms...)
		sizes = append(sizes, v.size(i))
	}
	return im.rearrange(v, order, collapsed(sizes))
}

// together makes some axes the channels, in order. If no other axes are left they are the features.
func (im *importer) together(v value, axes []int) (value, error) {
	var order, sizes []int
	for _, axis := range axes {
		order = append(order, v.axes[axis]...)
	}
	first := v.product(order)
	if len(v.shape) == 3 && first != v.shape.TotalSize() && slices.Equal(v.own(0), order) {
		return v, nil
	}
	for i, atoms := range v.axes {
		if !slices.Contains(axes, i) && len(atoms) > 0 {
			order = append(order, atoms...)
			sizes = append(sizes, v.size(i))
		}
	}
	return im.rearrange(v, order, collapsed(append([]int{first}, sizes...)))
}

// spread returns a constant's numbers in the layout of a layer's output, with the shape: axes along
// which they are equal have size 1. The constant is broadcast to the value by ONNX's rule.
func (im *importer) spread(c *constant, l layout) ([]int, any, error) {
	dims := c.dims
	for len(dims) > l.rank() && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) > l.rank() {
		return nil, nil, fmt.Errorf("a constant of shape %v has more axes than %s", c.dims, l.text())
	}
	varies := make([]bool, len(l.atoms))
	for k := 1; k <= len(dims); k++ {
		n, axis := sizeFromEnd(dims, k), l.rank()-k
		switch {
		case n == 1:
		case l.isBatch(axis):
			return nil, nil,
				fmt.Errorf("a constant of shape %v has other numbers for each image of a batch: that is not supported",
					c.dims)
		case n != l.size(axis):
			return nil, nil, fmt.Errorf("a constant of shape %v doesn't broadcast to %s", c.dims, l.text())
		default:
			for _, a := range l.axes[axis] {
				varies[a] = true
			}
		}
	}
	shape := make([]int, len(l.shape))
	for own, n := range l.shape {
		if shape[own] = 1; slices.ContainsFunc(l.own(own), func(a int) bool { return varies[a] }) {
			shape[own] = n
		}
	}
	if n := count(shape); n > maxFolded {
		return nil, nil, fmt.Errorf("a constant of shape %v for %s takes too much", c.dims, l.text())
	} else if err := im.spend(8 * n); err != nil {
		return nil, nil, err
	}
	values, err := im.numbers(c)
	if err != nil {
		return nil, nil, err
	}
	return shape, pick(values, count(shape), func(i int) int { return l.constantIndex(i, shape, dims) }), nil
}

// constantIndex is the element of a constant of the given sizes that belongs to element i of an
// array that the constant is spread to.
func (l layout) constantIndex(i int, shape, dims []int) (index int) {
	places := make([]int, len(l.atoms))
	for own := len(shape) - 1; own >= 0; own-- {
		if shape[own] == 1 {
			continue
		}
		at := i % shape[own]
		i /= shape[own]
		atoms := l.own(own)
		for k := len(atoms) - 1; k >= 0; k-- {
			places[atoms[k]] = at % l.atoms[atoms[k]]
			at /= l.atoms[atoms[k]]
		}
	}
	stride := 1
	for k := 1; k <= len(dims); k++ {
		n := sizeFromEnd(dims, k)
		if n == 1 {
			continue
		}
		at := 0
		for _, a := range l.axes[l.rank()-k] {
			at = at*l.atoms[a] + places[a]
		}
		index += at * stride
		stride *= n
	}
	return index
}
