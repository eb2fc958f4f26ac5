package onnx

import (
	"fmt"
	"slices"

	"convgraph/onnx/schema"
)

func foldShape(c *call) ([]*constant, error) {
	from, err := c.constant(0)
	if err != nil {
		return nil, err
	}
	if list, ok := from.values.([]number); ok &&
		slices.ContainsFunc(list, func(n number) bool { return n.image != 0 }) {
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

// clip limits an index that may count from the end to a list's bounds.
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
			return nil, fmt.Errorf("axes: got %v, want each once", axes)
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
		return nil, fmt.Errorf("repeats: got %v for shape %v, want one for each axis", repeats, from.dims)
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
	parts := make([]*constant, len(c.inputs))
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
				return nil, fmt.Errorf("of shapes %v and %v along axis %d: want the other sizes alike",
					first.dims, own, axis)
			}
		}
		dims[axis] += own[axis]
	}
	n := count(dims)
	if n > maxFolded {
		return nil, fmt.Errorf("got a constant of %d elements, want at most %d", n, maxFolded)
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
