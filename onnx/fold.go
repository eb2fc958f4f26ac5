package onnx

import (
	"fmt"
	"math"
	"slices"

	"convgraph/onnx/schema"
)

// folds are the operators that are computed when all of their inputs are constants: exporters write
// the arithmetic of shapes and the making of weights as nodes.
var folds = map[string]func(c *call) ([]*constant, error){
	"Add":             foldAdd,
	"And":             foldCompare(func(a, b float64) bool { return a != 0 && b != 0 }),
	"Cast":            foldCast,
	"Ceil":            foldFunction(math.Ceil),
	"Concat":          foldConcat,
	"Constant":        foldConstant,
	"ConstantOfShape": foldConstantOfShape,
	"Div":             foldDiv,
	"Dropout":         foldSame,
	"Equal":           foldCompare(func(a, b float64) bool { return a == b }),
	"Exp":             foldFunction(math.Exp),
	"Expand":          foldExpand,
	"Flatten":         foldFlatten,
	"Floor":           foldFunction(math.Floor),
	"Gather":          foldGather,
	"Greater":         foldCompare(func(a, b float64) bool { return a > b }),
	"GreaterOrEqual":  foldCompare(func(a, b float64) bool { return a >= b }),
	"Identity":        foldSame,
	"Less":            foldCompare(func(a, b float64) bool { return a < b }),
	"LessOrEqual":     foldCompare(func(a, b float64) bool { return a <= b }),
	"Log":             foldFunction(math.Log),
	"Max":             foldReduce(math.Max),
	"Min":             foldReduce(math.Min),
	"Mul":             foldMul,
	"Neg":             foldFunction(func(v float64) float64 { return -v }),
	"Not":             foldFunction(func(v float64) float64 { return oneIf(v == 0) }),
	"Or":              foldCompare(func(a, b float64) bool { return a != 0 || b != 0 }),
	"Pow":             foldBinary(math.Pow),
	"Range":           foldRange,
	"Reciprocal":      foldFunction(func(v float64) float64 { return 1 / v }),
	"ReduceProd":      foldProduct,
	"Reshape":         foldReshape,
	"Shape":           foldShape,
	"Size":            foldSize,
	"Slice":           foldSlice,
	"Split":           foldSplit,
	"Sqrt":            foldFunction(math.Sqrt),
	"Squeeze":         foldSqueeze,
	"Sub":             foldSub,
	"Tile":            foldTile,
	"Transpose":       foldTranspose,
	"Unsqueeze":       foldUnsqueeze,
	"Where":           foldWhere,
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// made is one constant, the result of a node.
func (c *call) made(like *constant, dims []int, values any) ([]*constant, error) {
	return []*constant{{name: c.output(0), dims: dims, kind: like.kind, values: values}}, nil
}

// taken is a constant made of the elements of another.
func (c *call) taken(from *constant, dims []int, index func(i int) int) (*constant, error) {
	n := count(dims)
	if n > maxFolded && !from.filled {
		return nil, fmt.Errorf("makes a constant of %d elements: want at most %d", n, maxFolded)
	}
	if from.filled {
		out := *from
		out.dims = dims
		return &out, nil
	}
	if err := c.im.spend(8 * n); err != nil {
		return nil, err
	}
	values, err := c.im.numbers(from)
	if err != nil {
		return nil, err
	}
	return &constant{name: c.output(0), dims: dims, kind: from.kind, values: pick(values, n, index)}, nil
}

// maxFolded bounds the results of arithmetic; weights that only change their shape have no bound.
const maxFolded = 1 << 26

// moved is a constant with another shape for the same elements.
func moved(from *constant, dims []int) ([]*constant, error) {
	if from.count() != count(dims) {
		return nil, fmt.Errorf("can't reshape %v to %v", from.dims, dims)
	}
	out := *from
	out.dims = dims
	return []*constant{&out}, nil
}

func foldSame(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	return []*constant{from}, nil
}

func foldConstant(c *call) ([]*constant, error) {
	n := c.node
	if len(n.Attributes) != 1 {
		return nil, fmt.Errorf("got %d attributes, want one", len(n.Attributes))
	}
	out := &constant{name: c.output(0), kind: schema.Float32}
	switch name := n.Attributes[0].Name; name {
	case "value":
		value, _ := c.take(name, schema.TensorValue)
		if value.Tensor == nil {
			return nil, fmt.Errorf("attribute %q has no tensor", name)
		}
		t := *value.Tensor
		if t.Name == "" {
			t.Name = out.name
		}
		stored, err := c.im.stored(&t)
		return []*constant{stored}, err
	case "value_float":
		value, _ := c.take(name, schema.Float)
		out.values = []float32{value.Float}
	case "value_floats":
		value, _ := c.take(name, schema.Floats)
		out.values, out.dims = slices.Clone(value.Floats), []int{len(value.Floats)}
	case "value_int":
		out.kind, out.values = schema.Int64, []number{{fixed: c.int(name, 0)}}
	case "value_ints":
		list := c.attributes.ints(name)
		values := make([]number, len(list))
		for i, v := range list {
			values[i].fixed = v
		}
		out.kind, out.values, out.dims = schema.Int64, values, []int{len(list)}
	default:
		return nil, fmt.Errorf("attribute %q is not supported", name)
	}
	return []*constant{out}, nil
}

func foldConstantOfShape(c *call) ([]*constant, error) {
	shape, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	dims, err := c.im.sizes(shape)
	if err != nil {
		return nil, err
	}
	out := &constant{name: c.output(0), dims: dims, kind: schema.Float32, values: []float32{0}, filled: true}
	if attribute, ok := c.take("value", schema.TensorValue); ok && attribute.Tensor != nil {
		value, err := c.im.stored(attribute.Tensor)
		if err != nil {
			return nil, err
		}
		if value.count() != 1 {
			return nil, fmt.Errorf("its value has shape %v: want one number", value.dims)
		}
		if out.values, err = c.im.numbers(value); err != nil {
			return nil, err
		}
		out.kind = value.kind
	}
	return []*constant{out}, nil
}

// sizes reads a shape.
func (im *importer) sizes(c *constant) ([]int, error) {
	list, err := im.fixedInts(c)
	if err != nil {
		return nil, err
	}
	dims := make([]int, len(list))
	for i, n := range list {
		if n < 0 || n > maxElements {
			return nil, fmt.Errorf("shape is %v: want sizes from 0 to %d", list, maxElements)
		}
		dims[i] = int(n)
	}
	if len(dims) > maxRank || count(dims) > maxElements {
		return nil, fmt.Errorf("shape is %.100v: want at most %d axes and %d elements", list, maxRank, maxElements)
	}
	return dims, nil
}

const maxRank = 32

func foldCast(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	to := schema.ElementType(c.int("to", 0))
	c.int("saturate", 1)
	c.attributes.text("round_mode", "up")
	out := &constant{name: c.output(0), dims: from.dims, kind: to}
	switch {
	case from.isFloat() && out.isFloat() && (to == schema.Float64) == (from.kind == schema.Float64):
		same := *from
		return []*constant{&same}, nil
	case out.isFloat():
		values, err := c.im.floats(from)
		if err != nil {
			return nil, err
		}
		return c.made(out, from.dims, rounded(values, to))
	}
	values, err := c.im.numbers(from)
	if err != nil {
		return nil, err
	}
	list, whole := values.([]number)
	if !whole {
		floats, err := c.im.floats(from)
		if err != nil {
			return nil, err
		}
		list = make([]number, len(floats))
		for i, v := range floats {
			if !(math.Abs(v) < 1<<62) {
				return nil, fmt.Errorf("%g isn't an integer", v)
			}
			list[i].fixed = int64(v)
		}
	}
	if to == schema.Bool {
		list = slices.Clone(list)
		for i, v := range list {
			list[i] = number{fixed: int64(oneIf(v != number{}))}
		}
	}
	return c.made(out, from.dims, list)
}

// rounded is numbers as the constants of an element type hold them.
func rounded(values []float64, kind schema.ElementType) any {
	if kind == schema.Float64 {
		return values
	}
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

func foldFunction(f func(float64) float64) func(c *call) ([]*constant, error) {
	return func(c *call) ([]*constant, error) {
		from, err := c.constant(0)
		if err != nil {
			return nil, err
		}
		values, err := c.im.floats(from)
		if err != nil {
			return nil, err
		}
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = f(v)
		}
		return c.computed(from, from.dims, out)
	}
}

// computed is a constant of numbers computed in float64, of the same element type as another.
func (c *call) computed(like *constant, dims []int, values []float64) ([]*constant, error) {
	if like.isFloat() {
		return c.made(like, dims, rounded(values, like.kind))
	}
	list := make([]number, len(values))
	for i, v := range values {
		if !(math.Abs(v) < 1<<62) {
			return nil, fmt.Errorf("%g isn't an integer", v)
		}
		list[i].fixed = int64(v)
	}
	return c.made(like, dims, list)
}

// pairs calls f with the indices of each element of the two first inputs, broadcast.
func (c *call) pairs(f func(i, left, right int) error) (left, right *constant, dims []int, err error) {
	if left, err = c.constant(0); err != nil {
		return nil, nil, nil, err
	}
	if right, err = c.constant(1); err != nil {
		return nil, nil, nil, err
	}
	if dims, err = broadcast(left.dims, right.dims); err != nil {
		return nil, nil, nil, err
	}
	n := count(dims)
	if n > maxFolded {
		return nil, nil, nil, fmt.Errorf("makes a constant of %d elements: want at most %d", n, maxFolded)
	}
	if err := c.im.spend(16 * n); err != nil {
		return nil, nil, nil, err
	}
	for i := range n {
		if err := f(i, broadcastIndex(i, dims, left.dims), broadcastIndex(i, dims, right.dims)); err != nil {
			return nil, nil, nil, err
		}
	}
	return left, right, dims, nil
}

// binary is a node of two constants: exact for integers, where whole computes it, else in float64.
func (c *call) binary(whole func(a, b number) (number, bool), f func(a, b float64) float64) ([]*constant, error) {
	left, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	right, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	if whole != nil && !left.isFloat() && !right.isFloat() {
		a, err := c.im.ints(left)
		if err != nil {
			return nil, err
		}
		b, err := c.im.ints(right)
		if err != nil {
			return nil, err
		}
		var out []number
		_, _, dims, err := c.pairs(func(_, l, r int) error {
			v, ok := whole(a[l], b[r])
			if !ok {
				return fmt.Errorf("of %v and %v isn't a fixed number and a multiple of the batch", a[l], b[r])
			}
			out = append(out, v)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return c.made(left, dims, out)
	}
	a, err := c.im.floats(left)
	if err != nil {
		return nil, err
	}
	b, err := c.im.floats(right)
	if err != nil {
		return nil, err
	}
	var out []float64
	_, _, dims, err := c.pairs(func(_, l, r int) error {
		out = append(out, f(a[l], b[r]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.computed(left, dims, out)
}

func foldAdd(c *call) ([]*constant, error) {
	return c.binary(func(a, b number) (number, bool) { return a.plus(b, 1) }, func(a, b float64) float64 { return a + b })
}

func foldSub(c *call) ([]*constant, error) {
	return c.binary(func(a, b number) (number, bool) { return a.plus(b, -1) }, func(a, b float64) float64 { return a - b })
}

func foldMul(c *call) ([]*constant, error) {
	return c.binary(number.times, func(a, b float64) float64 { return a * b })
}

func foldDiv(c *call) ([]*constant, error) {
	return c.binary(number.over, func(a, b float64) float64 { return a / b })
}

func foldBinary(f func(a, b float64) float64) func(c *call) ([]*constant, error) {
	return func(c *call) ([]*constant, error) { return c.binary(nil, f) }
}

func foldReduce(f func(a, b float64) float64) func(c *call) ([]*constant, error) {
	return func(c *call) ([]*constant, error) {
		if len(c.node.Inputs) == 1 {
			return foldSame(c)
		}
		if len(c.node.Inputs) != 2 {
			return nil, fmt.Errorf("of %d constants is not supported: want two", len(c.node.Inputs))
		}
		return c.binary(nil, f)
	}
}

func foldCompare(is func(a, b float64) bool) func(c *call) ([]*constant, error) {
	return func(c *call) ([]*constant, error) {
		left, err := c.constant(0)
		if err != nil {
			return nil, err
		}
		right, err := c.constant(1)
		if err != nil {
			return nil, err
		}
		a, err := c.im.floats(left)
		if err != nil {
			return nil, err
		}
		b, err := c.im.floats(right)
		if err != nil {
			return nil, err
		}
		var out []number
		_, _, dims, err := c.pairs(func(_, l, r int) error {
			out = append(out, number{fixed: int64(oneIf(is(a[l], b[r])))})
			return nil
		})
		if err != nil {
			return nil, err
		}
		return c.made(&constant{kind: schema.Bool}, dims, out)
	}
}

func foldWhere(c *call) ([]*constant, error) {
	condition, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	which, err := c.im.fixedInts(condition)
	if err != nil {
		return nil, err
	}
	yes, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	no, err := c.constant(2)
	if err != nil {
		return nil, err
	}
	if len(which) == 1 {
		if which[0] != 0 {
			return []*constant{yes}, nil
		}
		return []*constant{no}, nil
	}
	if !slices.Equal(yes.dims, condition.dims) || !slices.Equal(no.dims, condition.dims) {
		return nil, fmt.Errorf("of shapes %v, %v and %v is not supported: want one shape", condition.dims, yes.dims, no.dims)
	}
	a, err := c.im.ints(yes)
	if err != nil {
		return nil, err
	}
	b, err := c.im.ints(no)
	if err != nil {
		return nil, err
	}
	out := make([]number, len(which))
	for i, w := range which {
		if out[i] = b[i]; w != 0 {
			out[i] = a[i]
		}
	}
	return c.made(yes, yes.dims, out)
}

func foldProduct(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	list, err := c.im.ints(from)
	if err != nil {
		return nil, err
	}
	if len(from.dims) > 1 {
		return nil, fmt.Errorf("of shape %v is not supported: want a list", from.dims)
	}
	if _, err := c.axes(1, 18); err != nil {
		return nil, err
	}
	keep := c.int("keepdims", 1)
	product := number{fixed: 1}
	for _, v := range list {
		var ok bool
		if product, ok = product.times(v); !ok {
			return nil, fmt.Errorf("of %v isn't a fixed number or a multiple of the batch", list)
		}
	}
	var dims []int
	if keep != 0 {
		dims = []int{1}
	}
	return c.made(from, dims, []number{product})
}

func foldRange(c *call) ([]*constant, error) {
	if c.isImages() {
		return c.made(&constant{kind: schema.Int64}, []int{1}, []number{{image: 1}})
	}
	var bounds [3]int64
	var from *constant
	for i := range bounds {
		var err error
		if from, err = c.constant(i); err != nil {
			return nil, err
		}
		list, err := c.im.fixedInts(from)
		if err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, fmt.Errorf("input %d has shape %v: want one integer", i, from.dims)
		}
		bounds[i] = list[0]
	}
	start, limit, step := bounds[0], bounds[1], bounds[2]
	if step == 0 || !inRange(number{fixed: start, batch: limit}) || !inRange(number{fixed: step}) {
		return nil, fmt.Errorf("from %d to %d by %d is not supported", start, limit, step)
	}
	var out []number
	for v := start; step > 0 && v < limit || step < 0 && v > limit; v += step {
		if len(out) == maxList {
			return nil, fmt.Errorf("from %d to %d by %d has more than %d integers", start, limit, step, maxList)
		}
		out = append(out, number{fixed: v})
	}
	return c.made(from, []int{len(out)}, out)
}

// isImages says that a Range is over the images of the batch.
func (c *call) isImages() bool {
	for i, want := range []number{{}, {batch: 1}, {fixed: 1}} {
		bound, err := c.constant(i)
		if err != nil || bound.isFloat() || bound.count() != 1 {
			return false
		}
		if list, err := c.im.ints(bound); err != nil || list[0] != want {
			return false
		}
	}
	return true
}

func foldShape(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	if list, ok := from.values.([]number); ok && slices.ContainsFunc(list, func(n number) bool { return n.image != 0 }) {
		return nil, fmt.Errorf("of numbers for each image is not supported")
	}
	dims := make([]number, len(from.dims))
	for i, n := range from.dims {
		dims[i].fixed = int64(n)
	}
	return c.shapeOf(dims)
}

// shapeOf is the Shape operator's result.
func (c *call) shapeOf(dims []number) ([]*constant, error) {
	begin, end := clip(c.int("start", 0), len(dims)), clip(c.int("end", int64(len(dims))), len(dims))
	return []*constant{integers(c.output(0), dims[begin:max(begin, end)]...)}, nil
}

// clip brings an index that may count from the end into a list's bounds.
func clip(i int64, length int) int64 {
	if i < 0 {
		i += int64(length)
	}
	return min(max(i, 0), int64(length))
}

func foldSize(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	return c.made(&constant{kind: schema.Int64}, nil, []number{{fixed: int64(from.count())}})
}

func foldReshape(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	target, err := c.target()
	if err != nil {
		return nil, err
	}
	old := make([]number, len(from.dims))
	for i, n := range from.dims {
		old[i].fixed = int64(n)
	}
	dims, err := resolve(target, old)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(dims))
	for i, n := range dims {
		out[i] = int(n.fixed)
	}
	return moved(from, out)
}

func foldFlatten(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 1), len(from.dims)+1)
	if err != nil {
		return nil, err
	}
	return moved(from, []int{count(from.dims[:axis]), count(from.dims[axis:])})
}

func foldTranspose(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	order, err := c.order(len(from.dims))
	if err != nil {
		return nil, err
	}
	out, err := c.im.transposed(from, order)
	return []*constant{out}, err
}

func foldSqueeze(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	gone, err := withinAll(axes, len(from.dims))
	if err != nil {
		return nil, err
	}
	var dims []int
	for i, n := range from.dims {
		if slices.Contains(gone, i) || axes == nil && n == 1 {
			continue
		}
		dims = append(dims, n)
	}
	return moved(from, dims)
}

func foldUnsqueeze(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axes, err := c.axes(1, 13)
	if err != nil {
		return nil, err
	}
	rank := len(from.dims) + len(axes)
	added, err := withinAll(axes, rank)
	if err != nil {
		return nil, err
	}
	if rank > maxRank {
		return nil, fmt.Errorf("to %d axes is not supported", rank)
	}
	var dims []int
	rest := from.dims
	for i := range rank {
		if slices.Contains(added, i) {
			dims = append(dims, 1)
			continue
		}
		if len(rest) == 0 {
			return nil, fmt.Errorf("axes are %v: want each once", axes)
		}
		dims, rest = append(dims, rest[0]), rest[1:]
	}
	return moved(from, dims)
}

func foldExpand(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	shape, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	sizes, err := c.im.sizes(shape)
	if err != nil {
		return nil, err
	}
	dims, err := broadcast(from.dims, sizes)
	if err != nil {
		return nil, err
	}
	out, err := c.taken(from, dims, func(i int) int { return broadcastIndex(i, dims, from.dims) })
	return []*constant{out}, err
}

func foldTile(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	times, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	repeats, err := c.im.sizes(times)
	if err != nil {
		return nil, err
	}
	if len(repeats) != len(from.dims) {
		return nil, fmt.Errorf("repeats are %v for shape %v: want one for each axis", repeats, from.dims)
	}
	dims := make([]int, len(repeats))
	for i, n := range from.dims {
		dims[i] = count([]int{n, repeats[i]})
	}
	out, err := c.taken(from, dims, func(i int) int {
		at, stride := 0, 1
		for k := len(dims) - 1; k >= 0; k-- {
			at += i % dims[k] % from.dims[k] * stride
			stride *= from.dims[k]
			i /= dims[k]
		}
		return at
	})
	return []*constant{out}, err
}

func foldConcat(c *call) ([]*constant, error) {
	first, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 1), len(first.dims))
	if err != nil {
		return nil, err
	}
	dims := slices.Clone(first.dims)
	dims[axis] = 0
	parts := make([]*constant, len(c.node.Inputs))
	for i := range parts {
		if parts[i], err = c.constant(i); err != nil {
			return nil, err
		}
		own := parts[i].dims
		if len(own) != len(dims) || first.isFloat() != parts[i].isFloat() {
			return nil, fmt.Errorf("of shapes %v and %v is not supported", first.dims, own)
		}
		for k, n := range own {
			if k != axis && n != dims[k] {
				return nil, fmt.Errorf("of shapes %v and %v along axis %d: want the other sizes alike", first.dims, own, axis)
			}
		}
		dims[axis] += own[axis]
	}
	n := count(dims)
	if n > maxFolded {
		return nil, fmt.Errorf("makes a constant of %d elements: want at most %d", n, maxFolded)
	}
	if err := c.im.spend(16 * n); err != nil {
		return nil, err
	}
	whole, floats := make([]number, 0), make([]float64, 0)
	inner := count(dims[axis+1:])
	for row := range count(dims[:axis]) {
		for _, p := range parts {
			size := p.dims[axis] * inner
			if !first.isFloat() {
				list, err := c.im.ints(p)
				if err != nil {
					return nil, err
				}
				whole = append(whole, list[row*size:][:size]...)
				continue
			}
			list, err := c.im.floats(p)
			if err != nil {
				return nil, err
			}
			floats = append(floats, list[row*size:][:size]...)
		}
	}
	if first.isFloat() {
		return c.computed(first, dims, floats)
	}
	return c.made(first, dims, whole)
}

func foldGather(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), len(from.dims))
	if err != nil {
		return nil, err
	}
	at, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	indices, err := c.im.indices(at, from.dims[axis])
	if err != nil {
		return nil, err
	}
	dims := slices.Concat(from.dims[:axis], at.dims, from.dims[axis+1:])
	if len(dims) > maxRank {
		return nil, fmt.Errorf("to %d axes is not supported", len(dims))
	}
	out, err := c.alongAxis(from, axis, indices)
	if err != nil {
		return nil, err
	}
	out.dims = dims
	return []*constant{out}, nil
}

// indices are a constant's integers as indices of an axis of n, which may count from its end.
func (im *importer) indices(c *constant, n int) ([]int, error) {
	list, err := im.fixedInts(c)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(list))
	for i, v := range list {
		if out[i], err = within(v, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// alongAxis is the slices of a constant at the indices of an axis.
func (c *call) alongAxis(from *constant, axis int, indices []int) (*constant, error) {
	dims := slices.Clone(from.dims)
	inner, taken := count(dims[axis+1:]), len(indices)
	dims[axis] = taken
	return c.taken(from, dims, func(i int) int {
		return (i/(inner*taken)*from.dims[axis]+indices[i/inner%taken])*inner + i%inner
	})
}

func foldSlice(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	ranges, err := c.slices(len(from.dims))
	if err != nil {
		return nil, err
	}
	out := from
	for _, r := range ranges {
		if out, err = c.alongAxis(out, r.axis, r.indices(out.dims[r.axis])); err != nil {
			return nil, err
		}
	}
	return []*constant{out}, nil
}

func foldSplit(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), len(from.dims))
	if err != nil {
		return nil, err
	}
	sizes, err := c.splitSizes(from.dims[axis])
	if err != nil {
		return nil, err
	}
	var parts []*constant
	first := 0
	for _, n := range sizes {
		part, err := c.alongAxis(from, axis, span(first, n))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		first += n
	}
	return parts, nil
}

// span is n numbers from first on.
func span(first, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = first + i
	}
	return out
}
