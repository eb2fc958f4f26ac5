package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// argMax at the end of a network gives the class: the network is what comes before it.
func argMax(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	axis, err := within(c.int("axis", 0), v.rank())
	if err != nil {
		return nil, err
	}
	c.int("keepdims", 1)
	c.only("select_last_index", 0)
	if v.isBatch(axis) || v.size(axis) != v.shape.TotalSize() {
		return nil, fmt.Errorf("along axis %d of %s is not supported: want the classes", axis, v.text())
	}
	if c.im.uses[c.output(0)] > 1 {
		return nil, fmt.Errorf("is supported only at the end")
	}
	c.im.nothing = true
	return one(v, nil)
}

func globalPool(layer graph.Layer) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		v, err := c.x(0)
		if err != nil {
			return nil, err
		}
		return one(c.im.pooled(v, span(2, v.rank()-2), true, layer))
	}
}

// reduce is the mean, the largest or the sum over some axes.
func reduce(layer graph.Layer, sum bool) func(c *call) ([]value, error) {
	return func(c *call) ([]value, error) {
		asInputFrom := int64(18)
		if sum {
			asInputFrom = 13
		}
		axes, err := c.axes(1, asInputFrom)
		if err != nil {
			return nil, err
		}
		keep := c.int("keepdims", 1) != 0
		empty := c.int("noop_with_empty_axes", 0) != 0
		raw, err := c.lazyForm(0)
		if err != nil {
			return nil, err
		}
		over, err := withinAll(axes, raw.rank())
		if err != nil {
			return nil, err
		}
		if len(axes) == 0 {
			if empty {
				return same(c)
			}
			over = span(0, raw.rank())
		}
		slices.Sort(over)
		if len(over) > 0 && raw.isBatch(over[0]) {
			return nil, fmt.Errorf("over the batch is not supported")
		}
		form := c.im.reducedForm(raw, over, keep, sum)
		out, err := func() (value, error) {
			v, err := c.x(0)
			if err != nil {
				return v, err
			}
			out, err := c.im.pooled(v, over, keep, layer)
			if err != nil || !sum {
				return out, err
			}
			n := 1
			for _, axis := range over {
				n *= v.size(axis)
			}
			return c.im.linear(out, float64(n), 0)
		}()
		if form == nil {
			return one(out, err)
		}
		if err != nil {
			out = raw
			out.pending, out.expr = err, nil
			out.layout = raw.reduced(over, keep)
		}
		out.form = form
		return one(out, nil)
	}
}

// reduced is a layout with some axes of size 1, or without them. It is that of a value that only a
// spelled-out normalization reads.
func (l layout) reduced(over []int, keep bool) layout {
	var axes [][]int
	for i, atoms := range l.axes {
		switch {
		case !slices.Contains(over, i):
			axes = append(axes, atoms)
		case keep:
			axes = append(axes, nil)
		}
	}
	return l.withAxes(axes)
}

// pooled puts a global pooling on some axes.
func (im *importer) pooled(v value, over []int, keep bool, layer graph.Layer) (value, error) {
	var gone []int
	for _, axis := range over {
		gone = append(gone, v.axes[axis]...)
	}
	rest := []int{}
	for _, a := range v.sequence() {
		if !slices.Contains(gone, a) {
			rest = append(rest, a)
		}
	}
	sorted := slices.Sorted(slices.Values(gone))
	if len(v.shape) != 3 || !slices.Equal(sorted, slices.Concat(v.own(1), v.own(2))) {
		var err error
		if v, err = im.rearrange(v, slices.Concat(rest, gone), []int{v.product(rest), v.product(gone), 1}); err != nil {
			return value{}, err
		}
	}
	kept := v.layout
	out, err := im.add(layer, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	// The channels stay, as the atoms that they were.
	channels := kept.own(0)
	l := layout{shape: tensor.Shape{kept.shape[0], 1, 1}, whole: kept.whole}
	for _, a := range channels {
		l.atoms = append(l.atoms, kept.atoms[a])
	}
	for i, atoms := range kept.axes {
		var axis []int
		for _, a := range atoms {
			if at := slices.Index(channels, a); at >= 0 {
				axis = append(axis, at)
			}
		}
		if keep || !slices.Contains(over, i) {
			l.axes = append(l.axes, axis)
		}
	}
	out.layout = l
	return out, nil
}
