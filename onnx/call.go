package onnx

import (
	"fmt"
	"slices"

	"convgraph/onnx/schema"
)

// A call is a node with its operands.
type call struct {
	im   *importer
	node *schema.Node
	*attributes
	inputs []operand
}

// An operand is an input of a node: a constant, a value, a sequence, or nothing if it is omitted.
type operand struct {
	constant *constant
	value    *value
	sequence *sequence
}

func (c *call) output(i int) string {
	if i < len(c.node.Outputs) {
		return c.node.Outputs[i]
	}
	return ""
}

// has reports whether an optional input is present.
func (c *call) has(i int) bool {
	return i < len(c.inputs) && c.inputs[i] != operand{}
}

// constant returns an input that must be constant.
func (c *call) constant(i int) (*constant, error) {
	if !c.has(i) {
		return nil, fmt.Errorf("input %d is missing", i)
	}
	if c.inputs[i].constant == nil {
		return nil, fmt.Errorf("input %d, %q, depends on the images: want a constant", i, c.node.Inputs[i])
	}
	return c.inputs[i].constant, nil
}

// optional returns a constant input, or nil if it is omitted.
func (c *call) optional(i int) (*constant, error) {
	if !c.has(i) {
		return nil, nil
	}
	return c.constant(i)
}

// x returns an input that must be a value, with its expression as a layer.
func (c *call) x(i int) (value, error) {
	v, err := c.lazy(i)
	if err != nil {
		return v, err
	}
	return c.im.settle(v)
}

// lazy returns an input that must be a value. Its expression may not be a layer yet.
func (c *call) lazy(i int) (value, error) {
	if !c.has(i) {
		return value{}, fmt.Errorf("input %d is missing", i)
	}
	v := c.inputs[i].value
	if v == nil {
		return value{}, fmt.Errorf("input %d, %q, is constant: want one that depends on the images",
			i, c.node.Inputs[i])
	}
	if v.pending != nil {
		return value{}, v.pending
	}
	return *v, nil
}

// lazyForm returns an input that may be part of a normalization.
func (c *call) lazyForm(i int) (value, error) {
	if c.has(i) && c.inputs[i].value != nil && c.inputs[i].value.form != nil {
		return *c.inputs[i].value, nil
	}
	return c.lazy(i)
}

// axes reads axes from an attribute or, from an operator set on, from an input; nil if omitted.
func (c *call) axes(input int, asInputFrom int64) ([]int64, error) {
	if c.im.opset < asInputFrom {
		return c.ints("axes"), nil
	}
	list, err := c.optional(input)
	if err != nil || list == nil {
		return c.ints("axes"), err
	}
	return c.im.fixedInts(list)
}

// within resolves an index into n elements that may count from the end.
func within(i int64, n int) (int, error) {
	at := i
	if at < 0 {
		at += int64(n)
	}
	if at < 0 || at >= int64(n) {
		return 0, fmt.Errorf("axis or index: got %d, want one of %d", i, n)
	}
	return int(at), nil
}

func withinAll(list []int64, n int) ([]int, error) {
	out := make([]int, len(list))
	for i, v := range list {
		at, err := within(v, n)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out[:i], at) {
			return nil, fmt.Errorf("axes: got %v, want each once", list)
		}
		out[i] = at
	}
	return out, nil
}

// order reads a Transpose's order of axes.
func (c *call) order(rank int) ([]int, error) {
	perm := c.ints("perm")
	if perm == nil {
		order := span(0, rank)
		slices.Reverse(order)
		return order, nil
	}
	order, err := withinAll(perm, rank)
	if err == nil && len(order) != rank {
		err = fmt.Errorf("perm: got %v for %d axes, want each once", perm, rank)
	}
	return order, err
}

// target reads the target shape of a Reshape.
func (c *call) target() ([]number, error) {
	if c.im.opset < 5 {
		var target []number
		for _, n := range c.ints("shape") {
			target = append(target, number{fixed: n})
		}
		return target, nil
	}
	shape, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	target, err := c.im.ints(shape)
	if err != nil {
		return nil, err
	}
	if c.int("allowzero", 0) != 0 && slices.Contains(target, number{}) {
		return nil, fmt.Errorf("to %v with allowzero asks for an empty tensor", dimsText(target))
	}
	if len(target) > maxRank {
		return nil, fmt.Errorf("to %d axes is not supported", len(target))
	}
	return target, nil
}

// resolve replaces a Reshape's 0 (unchanged) and -1 (inferred).
func resolve(target, dims []number) ([]number, error) {
	fail := fmt.Errorf("can't reshape %s to %s", dimsText(dims), dimsText(target))
	total, product, open, ok := number{fixed: 1}, number{fixed: 1}, -1, true
	for _, d := range dims {
		if total, ok = total.times(d); !ok || !inRange(total) {
			return nil, fail
		}
	}
	out := slices.Clone(target)
	for i, d := range target {
		if d == (number{}) && i < len(dims) {
			d = dims[i]
		}
		out[i] = d
		if d == (number{fixed: -1}) && open < 0 {
			open = i
			continue
		}
		if d.fixed < 0 || d.batch < 0 {
			return nil, fail
		}
		if product, ok = product.times(d); !ok || !inRange(product) {
			return nil, fail
		}
	}
	if open >= 0 {
		if out[open], ok = total.over(product); !ok {
			return nil, fail
		}
		if product, ok = product.times(out[open]); !ok {
			return nil, fail
		}
	}
	if product != total {
		return nil, fail
	}
	return out, nil
}

// A span of an axis, as Slice has it.
type sliceRange struct {
	axis             int
	start, end, step int64
}

// indices are the span's, of an axis of n.
func (r sliceRange) indices(n int) (out []int) {
	if r.step > 0 {
		for i := clip(r.start, n); i < clip(r.end, n); i += r.step {
			out = append(out, int(i))
		}
		return out
	}
	start, last := r.start, int64(-1) // an end before the first, however far
	if start < 0 {
		start += int64(n)
	}
	if r.end >= 0 {
		last = r.end
	} else if r.end >= -int64(n) {
		last = r.end + int64(n)
	}
	for i := min(start, int64(n)-1); i > last && i >= 0; i += r.step {
		out = append(out, int(i))
	}
	return out
}

// slices reads a Slice's spans.
func (c *call) slices(rank int) ([]sliceRange, error) {
	var lists [4][]int64 // starts, ends, axes, steps
	if c.im.opset < 10 {
		lists = [4][]int64{c.ints("starts"), c.ints("ends"), c.ints("axes"), nil}
	} else {
		for i := range lists {
			list, err := c.optional(i + 1)
			if err != nil {
				return nil, err
			}
			if list == nil {
				continue
			}
			if lists[i], err = c.im.fixedInts(list); err != nil {
				return nil, err
			}
		}
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	ranges := make([]sliceRange, len(starts))
	if len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil &&
		len(steps) != len(starts) || len(starts) > rank {
		return nil, fmt.Errorf("got %d starts, %d ends, %d axes, %d steps, want as many of each",
			len(starts), len(ends), len(axes), len(steps))
	}
	for i := range ranges {
		r := sliceRange{axis: i, start: starts[i], end: ends[i], step: 1}
		if axes != nil {
			var err error
			if r.axis, err = within(axes[i], rank); err != nil {
				return nil, err
			}
		}
		if steps != nil {
			r.step = steps[i]
		}
		const most = 1 << 31
		if r.step == 0 || r.step > most || r.step < -most {
			return nil, fmt.Errorf("step: got %d, want one that isn't 0, up to %d", r.step, most)
		}
		ranges[i] = r
	}
	return ranges, nil
}

// splitSizes reads the sizes of a Split's parts of n.
func (c *call) splitSizes(n int) ([]int, error) {
	var sizes []int64
	if c.im.opset < 13 {
		sizes = c.ints("split")
	} else if list, err := c.optional(1); err != nil {
		return nil, err
	} else if list != nil {
		if sizes, err = c.im.fixedInts(list); err != nil {
			return nil, err
		}
	}
	parts := int(c.int("num_outputs", int64(len(c.node.Outputs))))
	if sizes == nil {
		if parts != len(c.node.Outputs) {
			return nil, fmt.Errorf("num_outputs is %d for %d outputs", parts, len(c.node.Outputs))
		}
		each := (n + parts - 1) / parts
		for rest := n; len(sizes) < parts; rest -= each {
			sizes = append(sizes, int64(min(each, rest)))
		}
	}
	out, total := make([]int, len(sizes)), 0
	for i, s := range sizes {
		if s < 0 || s > int64(n) {
			return nil, fmt.Errorf("splits %d into %v", n, sizes)
		}
		out[i] = int(s)
		total += int(s)
	}
	if total != n || len(out) != len(c.node.Outputs) {
		return nil, fmt.Errorf("splits %d into %v for %d outputs", n, sizes, len(c.node.Outputs))
	}
	return out, nil
}
