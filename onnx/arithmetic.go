package onnx

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// A sort of arithmetic between two values, or a value and a constant.
type sort int

const (
	sum sort = iota
	difference
	times
	quotient
	largest
	smallest
)

// of computes one number.
func (s sort) of(a, b float64) float64 {
	switch s {
	case sum:
		return a + b
	case difference:
		return a - b
	case times:
		return a * b
	case quotient:
		return a / b
	case largest:
		return max(a, b)
	}
	return min(a, b)
}

// pairLayers maps operators to layers of two values.
var pairLayers = map[sort]graph.Layer{
	sum: graph.Add{}, difference: graph.Subtract{}, times: graph.Multiply{}, quotient: graph.Divide{},
	largest: graph.Maximum{}, smallest: graph.Minimum{},
}

// arithmetic is an operator of two inputs, or of several evaluated from left to right.
func arithmetic(s sort) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		c.int("broadcast", 0)
		axis := c.int("axis", math.MinInt64)
		total := c.inputs[0]
		for i := 1; i < len(c.inputs); i++ {
			out, err := c.im.pair(s, total, c.inputs[i], axis)
			if err != nil {
				return nil, err
			}
			total = operand{value: &out}
		}
		if total.value == nil {
			return nil, fmt.Errorf("input 0 is missing")
		}
		if total.value.pending != nil && total.value.form == nil {
			return nil, total.value.pending
		}
		return one(*total.value, nil)
	}
}

func (im *importer) pair(s sort, a, b operand, axis int64) (value, error) {
	switch {
	case a.value != nil && b.value != nil:
		return im.values2(s, *a.value, *b.value)
	case a.value != nil && b.constant != nil:
		return im.withConstant(s, *a.value, b.constant, false, axis)
	case b.value != nil && a.constant != nil:
		return im.withConstant(s, *b.value, a.constant, true, axis)
	}
	return value{}, fmt.Errorf("of two constants among others is not supported")
}

// values2 is arithmetic between two values.
func (im *importer) values2(s sort, u, v value) (value, error) {
	if out, ok, err := im.pairForm(s, u, v); ok {
		return out, err
	}
	for _, w := range []value{u, v} {
		if w.pending != nil {
			return value{}, w.pending
		}
	}
	emit := func(im *importer, args []value) (value, error) { return im.join(s, args[0], args[1]) }
	out, ok := combined(u, v, s.of, emit)
	if !ok {
		settled, err := im.settle(u)
		if err != nil {
			return value{}, err
		}
		other, err := im.settle(v)
		if err != nil {
			return value{}, err
		}
		return im.join(s, settled, other)
	}
	if s == times && u.isSame(v) {
		out.form = im.squareOf(u)
	}
	return out, nil
}

// join makes a layer of two values.
func (im *importer) join(s sort, u, v value) (value, error) {
	if u.layout.same(v.layout) {
		return im.add(pairLayers[s], []value{u, v}, "")
	}
	if slices.Equal(u.dims(), v.dims()) {
		var err error
		if u, err = im.inOrder(u); err != nil {
			return value{}, err
		}
		if v, err = im.inOrder(v); err != nil {
			return value{}, err
		}
		return im.add(pairLayers[s], []value{u, v}, "")
	}
	if s == times {
		if out, ok, err := im.gated(u, v); ok || err != nil {
			return out, err
		}
	}
	if _, err := broadcast(fixed(u.dims()), fixed(v.dims())); err != nil {
		return value{}, fmt.Errorf("of %s and %s: the shapes don't broadcast", u.text(), v.text())
	}
	if u.whole {
		rank := max(u.rank(), v.rank())
		u.layout, v.layout = u.ranked(rank), v.ranked(rank)
	}
	wide, err := im.widened(u, fixed(v.dims()))
	if err != nil {
		return value{}, err
	}
	other, err := im.widened(v, fixed(wide.dims()))
	if err != nil {
		return value{}, err
	}
	if !slices.Equal(wide.dims(), other.dims()) {
		return value{}, fmt.Errorf("of %s and %s is not supported: want one shape", u.text(), v.text())
	}
	return im.join(s, wide, other)
}

func fixed(dims []number) []int {
	out := make([]int, len(dims))
	for i, d := range dims {
		out[i] = int(max(d.fixed, d.batch))
	}
	return out
}

// gated multiplies each channel of a value by a factor, if two values have such shapes.
func (im *importer) gated(x, gate value) (out value, ok bool, err error) {
	if count(fixed(x.dims())) < count(fixed(gate.dims())) {
		x, gate = gate, x
	}
	if x.rank() != gate.rank() || gate.size(0) != x.size(0) || x.size(0) != 1 {
		return value{}, false, nil
	}
	var axes []int
	var atoms []int
	for axis := 1; axis < x.rank(); axis++ {
		switch gate.size(axis) {
		case 1:
		case x.size(axis):
			axes = append(axes, axis)
			atoms = append(atoms, x.axes[axis]...)
		default:
			return value{}, false, nil
		}
	}
	if len(x.shape) != 3 || !slices.Equal(x.own(0), atoms) {
		if len(axes) != 1 || x.rank() < 3 {
			return value{}, false, nil
		}
		if x, err = im.canonical(x, axes[0]); err != nil {
			return value{}, true, err
		}
	}
	if gate, err = im.rearrange(gate, gate.sequence(), gateShape(gate.layout)); err != nil {
		return value{}, true, err
	}
	out, err = im.add(graph.Multiply{}, []value{x, gate}, "")
	return out, true, err
}

// gateShape returns (C), or (C, 1, 1) if the value has that shape already.
func gateShape(l layout) []int {
	if n := l.shape.TotalSize(); l.inOrder() && l.shape.Eq(tensor.Shape{n, 1, 1}) {
		return l.shape
	}
	return []int{l.shape.TotalSize()}
}

// withConstant is arithmetic between a value and a constant, which is the left one if swapped.
func (im *importer) withConstant(s sort, v value, c *constant, swapped bool, axis int64) (value, error) {
	if !c.isFloat() {
		return value{}, fmt.Errorf("of floats and the integers %q is not supported", c.name)
	}
	if im.opset < 7 {
		c = alignedAt(c, axis, v.rank())
	}
	if c.count() == 1 && len(c.dims) <= v.rank() {
		x, err := im.scalar(c)
		if err != nil {
			return value{}, err
		}
		return im.withScalar(s, v, x, swapped)
	}
	if v.pending != nil {
		return value{}, v.pending
	}
	v, err := im.settle(v)
	if err != nil {
		return value{}, err
	}
	if v, err = im.widened(v, c.dims); err != nil {
		return value{}, err
	}
	if s == largest || s == smallest || s == quotient && swapped {
		other, err := im.alongside(v, c)
		if err != nil {
			return value{}, err
		}
		if swapped {
			return im.join(s, other, v)
		}
		return im.join(s, v, other)
	}
	shape, numbers, err := im.spread(c, v.layout)
	if err != nil {
		return value{}, err
	}
	if out, ok, err := im.normalized(s, v, shape, numbers, swapped); ok || err != nil {
		return out, err
	}
	switch s {
	case times, quotient:
		if s == quotient {
			numbers = mapped(numbers, func(x float64) float64 { return 1 / x })
		}
		return im.scaled(v, shape, numbers)
	}
	if s == difference && !swapped {
		numbers = mapped(numbers, func(x float64) float64 { return -x })
	}
	if s == difference && swapped {
		if v, err = im.scaleBy(v, -1, 0); err != nil {
			return value{}, err
		}
	}
	return im.shifted(v, shape, numbers)
}

// alignedAt appends 1s to a constant's sizes so that they begin at an axis: the rule of addition
// before operator set 7.
func alignedAt(c *constant, axis int64, rank int) *constant {
	if axis < 0 || axis >= int64(rank) || int(axis)+len(c.dims) > rank {
		return c
	}
	out := *c
	out.dims = append(slices.Clone(c.dims), slices.Repeat([]int{1}, rank-int(axis)-len(c.dims))...)
	return &out
}

// withScalar is arithmetic between a value and one number.
func (im *importer) withScalar(s sort, v value, x float64, swapped bool) (value, error) {
	if out, ok := im.scalarForm(s, v, x, swapped); ok {
		return out, nil
	}
	if v.pending != nil {
		return value{}, v.pending
	}
	if open := im.openStep(v); s == quotient && v.expr == nil && open != nil && open.open["std"] {
		numbers := slices.Repeat([]float32{float32(x)}, v.shape[0])
		if out, ok, err := im.normalized(s, v, []int{v.shape[0], 1, 1}, numbers, swapped); ok || err != nil {
			return out, err
		}
	}
	switch s {
	case sum:
		return im.linear(v, 1, x)
	case difference:
		if swapped {
			return im.linear(v, -1, x)
		}
		return im.linear(v, 1, -x)
	case times:
		return im.linear(v, x, 0)
	case largest:
		return im.clip(v, x, math.Inf(1))
	case smallest:
		return im.clip(v, math.Inf(-1), x)
	}
	if !swapped {
		if x == 0 {
			return value{}, fmt.Errorf("by 0 is not supported")
		}
		return im.linear(v, 1/x, 0)
	}
	return im.inverse(v, x)
}

// inverse is a number divided by a value.
func (im *importer) inverse(v value, x float64) (value, error) {
	return im.apply(v, func(y float64) float64 { return x / y }, func(im *importer, args []value) (value, error) {
		number := &constant{kind: schema.Float64, values: []float64{x}}
		above, err := im.alongside(args[0], number)
		if err != nil {
			return value{}, err
		}
		return im.join(quotient, above, args[0])
	})
}

func mapped(numbers any, f func(float64) float64) any {
	switch v := numbers.(type) {
	case []float32:
		out := make([]float32, len(v))
		for i, x := range v {
			out[i] = float32(f(float64(x)))
		}
		return out
	case []float64:
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = f(x)
		}
		return out
	}
	return numbers
}

// scaleBy is a·x + b.
func (im *importer) scaleBy(v value, a, b float64) (value, error) {
	if a == 1 && b == 0 {
		return v, nil
	}
	shape := slices.Repeat([]int{1}, len(v.shape))
	layer := graph.Scale{Shape: shape, NoWeight: a == 1, NoBias: b == 0 && a != 1}
	var params []param
	if !layer.NoWeight {
		params = append(params, param{"weight", dense([]float32{float32(a)}, shape)})
	}
	if !layer.NoBias {
		params = append(params, param{"bias", dense([]float32{float32(b)}, shape)})
	}
	return im.add(layer, []value{v}, "", params...)
}

// scaled multiplies by numbers spread over the layer's output.
func (im *importer) scaled(v value, shape []int, numbers any) (value, error) {
	if s := im.openStep(v); s != nil && s.open["weight"] && isPerChannel(shape, v.shape) &&
		numbersFit(numbers, s.params["weight"]) {
		s.params["weight"] = dense(numbers, []int{v.shape[0]})
		s.open["weight"] = false
		return v, nil
	}
	out, err := im.add(graph.Scale{Shape: shape, NoBias: true}, []value{v}, "", param{"weight", dense(numbers, shape)})
	if err == nil {
		im.steps[out.source].open["bias"] = true
	}
	return out, err
}

// shifted adds numbers spread over the layer's output. If the layer has no bias yet, they become
// its bias.
func (im *importer) shifted(v value, shape []int, numbers any) (value, error) {
	if s := im.openStep(v); s != nil && s.open["bias"] {
		own := []int{v.shape[0]}
		fits := isPerChannel(shape, v.shape)
		switch l := s.layer.(type) {
		case graph.Conv2D:
			l.NoBias = false
			if fits {
				s.layer = l
			}
		case graph.Affine:
			l.NoBias = false
			if fits {
				s.layer = l
			}
		case graph.Scale:
			own = l.Shape
			if fits = slices.Equal(l.Shape, shape); fits {
				l.NoBias = false
				s.layer = l
			}
		}
		if fits {
			s.params["bias"] = dense(numbers, own)
			s.open["bias"], s.open["weight"] = false, false
			return v, nil
		}
	}
	return im.add(graph.Scale{Shape: shape, NoWeight: true}, []value{v}, "", param{"bias", dense(numbers, shape)})
}

func numbersFit(numbers any, weight *tensor.Dense) bool {
	_, double := numbers.([]float64)
	return double == (weight.Dtype() == tensor.Float64)
}

// openStep returns the step that computed a value, if nothing else reads its output.
func (im *importer) openStep(v value) *step {
	if v.source == inputStep || !v.single {
		return nil
	}
	return &im.steps[v.source]
}

// isPerChannel reports whether numbers of the first shape are one for each channel of the second.
func isPerChannel(shape []int, of tensor.Shape) bool {
	return shape[0] == of[0] && count(shape) == of[0]
}

// normalized makes a Normalize of the means subtracted from the network's input and the stds it is
// divided by.
func (im *importer) normalized(s sort, v value, shape []int, numbers any, swapped bool) (value, bool, error) {
	if swapped || len(v.shape) != 3 || !isPerChannel(shape, v.shape) {
		return value{}, false, nil
	}
	list := make([]float64, v.shape[0])
	for i := range list {
		switch n := numbers.(type) {
		case []float32:
			list[i] = float64(n[i])
		case []float64:
			list[i] = n[i]
		}
	}
	layer := graph.Normalize{Mean: make([]float64, len(list)), Std: slices.Repeat([]float64{1}, len(list))}
	open := im.openStep(v)
	switch {
	case s == difference && v.source == inputStep:
		layer.Mean = list
	case s == quotient && v.source == inputStep:
		layer.Std = list
	case s == quotient && open != nil && open.open["std"]:
		layer.Mean, layer.Std = open.layer.(graph.Normalize).Mean, list
		if _, err := layer.Output(v.shape); err == nil {
			open.layer, open.open["std"] = layer, false
			return v, true, nil
		}
		return value{}, false, nil
	default:
		return value{}, false, nil
	}
	if _, err := layer.Output(v.shape); err != nil {
		return value{}, false, nil // an ordinary Scale, then
	}
	out, err := im.add(layer, []value{v}, "")
	if err == nil {
		im.steps[out.source].open["std"] = s == difference
	}
	return out, true, err
}
