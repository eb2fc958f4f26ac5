package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// bias reads an optional bias of n numbers, or of one for all.
func (c *call) bias(input, n int) (*tensor.Dense, error) {
	b, err := c.optional(input)
	if b == nil || err != nil {
		return nil, err
	}
	if b.count() == 1 && n > 1 {
		one, err := c.im.parameter(b, 1)
		if err != nil {
			return nil, err
		}
		if n > maxSize {
			return nil, fmt.Errorf("bias for %d outputs: want at most %d", n, maxSize)
		}
		return dense(pick(slice(one), n, func(int) int { return 0 }), []int{n}), nil
	}
	if b.count() != n || len(b.dims) > 0 && b.dims[len(b.dims)-1] != n {
		return nil, fmt.Errorf("bias has shape %v: want (%d), or one number", b.dims, n)
	}
	return c.im.parameter(b, n)
}

func gemm(c *call) ([]value, error) {
	c.int("broadcast", 1)
	transA := c.int("transA", 0) != 0
	alpha, beta, transB := c.float("alpha", 1), c.float("beta", 1), c.int("transB", 0) != 0
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v.rank() != 2 {
		return nil, fmt.Errorf("of %s is not supported: want (N, features)", v.text())
	}
	if transA && !v.whole {
		return nil, fmt.Errorf("transA mixes the images of a batch: that is not supported")
	}
	if transA {
		v.layout = v.withAxes([][]int{v.axes[1], v.axes[0]})
	}
	weight, err := c.matrix(transB)
	if err != nil {
		return nil, err
	}
	multiply(weight, alpha)
	if c.has(2) && (c.inputs[2].value != nil || len(c.inputs[2].constant.dims) == 2 &&
		c.inputs[2].constant.dims[0] > 1) {
		return one(c.plusTerm(v, weight, beta))
	}
	bias, err := c.bias(2, weight.Shape()[0])
	if err != nil {
		return nil, err
	}
	multiply(bias, beta)
	return one(c.im.product(v, weight, bias, c.node.Inputs[1]))
}

// plusTerm is a product with a value, or a constant of other numbers for each row, added.
func (c *call) plusTerm(v value, weight *tensor.Dense, beta float64) (value, error) {
	out, err := c.im.product(v, weight, nil, c.node.Inputs[1])
	if err != nil {
		return value{}, err
	}
	if c.inputs[2].constant != nil {
		term, err := c.im.parameter(c.inputs[2].constant, c.inputs[2].constant.dims...)
		if err != nil {
			return value{}, err
		}
		multiply(term, beta)
		scaled := &constant{name: c.node.Inputs[2], dims: c.inputs[2].constant.dims, kind: c.inputs[2].constant.kind,
			values: slice(term)}
		return c.im.withConstant(sum, out, scaled, false, -1)
	}
	term, err := c.lazy(2)
	if err != nil {
		return value{}, err
	}
	if beta != 1 {
		if term, err = c.im.linear(term, beta, 0); err != nil {
			return value{}, err
		}
	}
	return c.im.values2(sum, out, term)
}

func matMul(c *call) ([]value, error) {
	if c.has(0) && c.inputs[0].constant != nil {
		return one(c.fromLeft())
	}
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if c.has(1) && c.inputs[1].constant != nil {
		weight := c.inputs[1].constant
		if first := slices.IndexFunc(weight.dims, func(n int) bool { return n != 1 }); first >= 0 &&
			first < len(weight.dims)-2 {
			return one(c.im.manyProducts(v, weight, c.node.Inputs[1]))
		}
	}
	weight, err := c.matrix(false)
	if err != nil {
		return nil, err
	}
	return one(c.im.product(v, weight, nil, c.node.Inputs[1]))
}

// fromLeft multiplies a matrix by a value: the value's last axis but one by the matrix's rows.
func (c *call) fromLeft() (value, error) {
	v, err := c.x(1)
	if err != nil {
		return value{}, err
	}
	weight := c.inputs[0].constant
	axis := v.rank() - 2
	if axis < 0 || v.isBatch(axis) || len(weight.dims) != 2 {
		return value{},
			fmt.Errorf("of a constant of shape %v and %s is not supported: want a matrix and (N, …, rows, columns)",
				weight.dims, v.text())
	}
	matrix, err := c.im.parameter(weight, weight.dims...)
	if err != nil {
		return value{}, err
	}
	v.layout = v.swapped()
	out, err := c.im.product(v, matrix, nil, c.node.Inputs[0])
	if err != nil {
		return value{}, err
	}
	out.layout = out.swapped()
	return out, nil
}

// swapped is the layout with its last two axes in the other order.
func (l layout) swapped() layout {
	axes := slices.Clone(l.axes)
	n := len(axes)
	axes[n-2], axes[n-1] = axes[n-1], axes[n-2]
	return l.withAxes(axes)
}

// manyProducts multiplies the last axis of a value by a matrix for each index of an axis: a
// convolution of one pixel, with a group for each matrix. Where the value's axis is 1, each matrix
// has all of it.
func (im *importer) manyProducts(v value, weight *constant, name string) (value, error) {
	dims := weight.dims
	for dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) != 3 || v.rank() < 3 {
		return value{}, fmt.Errorf("of %s and a weight of shape %v is not supported", v.text(), weight.dims)
	}
	axis, last := v.rank()-3, v.rank()-1
	many, features, units := dims[0], dims[1], dims[2]
	each := v.size(axis) == many
	if v.isBatch(axis) || v.size(last) != features || !each && v.size(axis) != 1 {
		return value{}, fmt.Errorf("of %s and a weight of shape %v is not supported", v.text(), weight.dims)
	}
	matrices := *weight
	matrices.dims = dims
	turned, err := im.transposed(&matrices, []int{0, 2, 1})
	if err != nil {
		return value{}, err
	}
	kernels, err := im.parameter(turned, many*units, features, 1, 1)
	if err != nil {
		return value{}, err
	}
	order := slices.Concat(v.axes[axis], v.axes[last])
	sizes := []int{v.product(order), 1}
	for i, atoms := range v.axes {
		if i != axis && i != last {
			order = append(order, atoms...)
			sizes = append(sizes, v.size(i))
		}
	}
	if v, err = im.rearrange(v, order, []int{sizes[0], count(sizes[1:]), 1}); err != nil {
		return value{}, err
	}
	layer := graph.Conv2D{Filters: many * units, Kernel: graph.Square(1), NoBias: true}
	if each && many > 1 {
		layer.Groups = many
	}
	out, err := im.add(layer, []value{v}, name, param{"weight", kernels})
	if err != nil {
		return value{}, err
	}
	out.layout = v.multiplied(axis, many, units)
	return out, nil
}

// multiplied is the layout of a product: the atoms of the channels become those of an axis and the
// last.
func (l layout) multiplied(axis, many, units int) layout {
	out := layout{shape: tensor.Shape{many * units, l.shape[1], l.shape[2]}, axes: make([][]int, l.rank()),
		whole: l.whole}
	if many > 1 {
		out.axes[axis] = []int{0}
		out.atoms = append(out.atoms, many)
	}
	if units > 1 {
		out.axes[l.rank()-1] = []int{len(out.atoms)}
		out.atoms = append(out.atoms, units)
	}
	added := len(out.atoms)
	channels := l.own(0)
	for i, atoms := range l.axes {
		for _, a := range atoms {
			if i != axis && i != l.rank()-1 {
				out.axes[i] = append(out.axes[i], a-len(channels)+added)
			}
		}
	}
	out.atoms = append(out.atoms, l.atoms[len(channels):]...)
	return out
}

// matrix reads the weight of Gemm or MatMul as (units, features).
func (c *call) matrix(unitsFirst bool) (*tensor.Dense, error) {
	weight, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	dims := weight.dims
	for len(dims) > 2 && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) == 1 { // a vector takes the last axis away; as a matrix of one column it leaves 1
		dims = []int{dims[0], 1}
	}
	if len(dims) != 2 || len(weight.dims) == 1 && unitsFirst {
		return nil, fmt.Errorf("weight has shape %v: want a matrix", weight.dims)
	}
	matrix := *weight
	matrix.dims = dims
	if !unitsFirst {
		turned, err := c.im.transposed(&matrix, []int{1, 0})
		if err != nil {
			return nil, err
		}
		matrix = *turned
	}
	return c.im.parameter(&matrix, matrix.dims...)
}

// product multiplies the last axis of a value by a matrix (units, features): an affine layer where
// it is all there is, else a convolution of one pixel.
func (im *importer) product(v value, weight, bias *tensor.Dense, name string) (value, error) {
	units, features := weight.Shape()[0], weight.Shape()[1]
	last := v.rank() - 1
	if last < 0 || v.isBatch(last) || v.size(last) != features {
		return value{}, fmt.Errorf("of %s and a weight of %d features is not supported", v.text(), features)
	}
	open := func(out value, err error) (value, error) {
		if err == nil && bias == nil {
			im.steps[out.source].open["bias"] = true
		}
		return out, err
	}
	params := []param{{"weight", weight}, {"bias", bias}}
	if v.shape.TotalSize() == features {
		if !v.inOrder() {
			var err error
			if v, err = im.row(v); err != nil {
				return value{}, err
			}
		}
		out, err := open(im.add(graph.Affine{Units: units, NoBias: bias == nil}, []value{v}, name, params...))
		if err != nil {
			return value{}, err
		}
		axes := make([][]int, v.rank())
		if units > 1 {
			axes[last] = []int{0}
		}
		out.layout = newLayout(tensor.Shape{units}, im.whole).withAxes(axes)
		return out, nil
	}
	v, err := im.channels(v, last)
	if err != nil {
		return value{}, err
	}
	if len(v.shape) != 3 {
		return value{}, fmt.Errorf("of %s is not supported", v.text())
	}
	if err := weight.Reshape(units, features, 1, 1); err != nil {
		return value{}, err
	}
	out, err := open(im.add(graph.Conv2D{Filters: units, Kernel: graph.Square(1), NoBias: bias == nil}, []value{v},
		name, params...))
	if err != nil {
		return value{}, err
	}
	out.layout = v.replaced(last, 0, units)
	return out, nil
}

// multiply multiplies in place; nil is nothing.
func multiply(d *tensor.Dense, factor float64) {
	if d == nil || factor == 1 {
		return
	}
	switch data := d.Data().(type) {
	case []float32:
		for i := range data {
			data[i] *= float32(factor)
		}
	case []float64:
		for i := range data {
			data[i] *= factor
		}
	}
}
