package onnx

import (
	"fmt"
	"math"
	"slices"

	"convgraph/onnx/schema"
)

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
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
		return nil, nil, nil, fmt.Errorf("got a constant of %d elements, want at most %d", n, maxFolded)
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
	return c.binary(func(a, b number) (number, bool) { return a.plus(b, 1) },
		func(a, b float64) float64 { return a + b })
}

func foldSub(c *call) ([]*constant, error) {
	return c.binary(func(a, b number) (number, bool) { return a.plus(b, -1) },
		func(a, b float64) float64 { return a - b })
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
		return nil, fmt.Errorf("of shapes %v, %v and %v is not supported: want one shape",
			condition.dims, yes.dims, no.dims)
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
			return nil, fmt.Errorf("input %d: got shape %v, want one integer", i, from.dims)
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
