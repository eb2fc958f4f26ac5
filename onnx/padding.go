package onnx

import (
	"fmt"
	"math"
	"slices"

	"convgraph/graph"
)

// pad is the padding as layers have it: what both sides share, and what each has beyond that.
func (w window) pad() (both, begin, end graph.Pair) {
	for axis := range both {
		both[axis] = min(w.begin[axis], w.end[axis])
		begin[axis], end[axis] = w.begin[axis]-both[axis], w.end[axis]-both[axis]
	}
	return both, begin, end
}

// unpadded looks for a Pad layer that can be merged into a window's padding. It returns the value
// that the Pad reads, and the window with more padding.
func (im *importer) unpadded(v value, w window, fits func(value float64) bool) (value, window) {
	s := im.openStep(v)
	if s == nil || w.ceil || !v.isPlain() {
		return v, w
	}
	p, ok := s.layer.(graph.Pad)
	if !ok || !fits(p.Value) {
		return v, w
	}
	for axis := range w.begin {
		w.begin[axis] += p.Begin[axis]
		w.end[axis] += p.End[axis]
	}
	before := value{source: s.inputs[0], layout: newLayout(im.shapeOf(s.inputs[0]), im.whole)}
	return before, w
}

// pad is constant padding of the plane or the channels, or repeats what is there.
func pad(c *call) ([]value, error) {
	if out, ok, err := c.paddedForm(); ok || err != nil {
		return one(out, err)
	}
	mode := c.attributes.text("mode", "constant")
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	begin, end, fill, err := c.pads(v.rank())
	if err != nil {
		return nil, err
	}
	if v.isBatch(0) && (begin[0] != 0 || end[0] != 0) {
		return nil, fmt.Errorf("pads the batch: that is not supported")
	}
	for axis := range begin {
		if mode == "constant" && begin[axis] >= 0 && end[axis] >= 0 {
			continue
		}
		b, e := begin[axis], end[axis]
		if mode == "constant" { // what is cut off
			b, e = min(b, 0), min(e, 0)
			begin[axis], end[axis] = begin[axis]-b, end[axis]-e
		}
		indices, err := borderIndices(mode, v.size(axis), b, e)
		if err != nil {
			return nil, err
		}
		if v, err = c.im.taken(v, axis, indices); err != nil {
			return nil, err
		}
	}
	if mode != "constant" {
		return one(v, nil)
	}
	return one(c.im.bordered(v, begin, end, max(min(fill, math.MaxFloat32), -math.MaxFloat32)))
}

// bordered adds constant padding to a value: to the plane with one layer, to another axis with
// another one.
func (im *importer) bordered(v value, begin, end []int, fill float64) (value, error) {
	padded := func(axis int) bool { return begin[axis] != 0 || end[axis] != 0 }
	axes := slices.DeleteFunc(span(0, v.rank()), func(axis int) bool { return !padded(axis) })
	if len(axes) == 0 {
		return v, nil
	}
	outside := func(axis int) bool { return v.ownAxis(axis) == 0 }
	if v.rank() == 4 && v.size(0) == 1 && !padded(0) && !(len(axes) == 1 && outside(axes[0])) {
		plane, err := im.planeOf(v, padded)
		if err != nil {
			return value{}, err
		}
		if v, err = im.borderedPlane(plane, begin, end, fill); err != nil {
			return value{}, err
		}
		axes = slices.DeleteFunc(axes, func(axis int) bool { return !outside(axis) })
	}
	for _, axis := range axes {
		if fill != 0 {
			return value{}, fmt.Errorf("of %s by %g is not supported: want 0", v.text(), fill)
		}
		var err error
		if v, err = im.channels(v, axis); err != nil {
			return value{}, err
		}
		out, err := im.add(graph.PadChannels{Begin: begin[axis], End: end[axis]}, []value{v}, "")
		if err != nil {
			return value{}, err
		}
		out.layout = v.replaced(axis, 0, begin[axis]+v.size(axis)+end[axis])
		v = out
	}
	return v, nil
}

// planeOf makes an axis that isn't padded, if there is one, the channels of (C, H, W).
func (im *importer) planeOf(v value, padded func(axis int) bool) (value, error) {
	if len(v.shape) == 3 && v.ownAxis(1) >= 0 && v.ownAxis(2) >= 0 && v.ownAxis(3) >= 0 {
		for axis := 1; axis < 4; axis++ {
			if v.ownAxis(axis) == 0 && !padded(axis) {
				return v, nil
			}
		}
	}
	channels := 1
	for axis := 3; axis > 0; axis-- {
		if !padded(axis) {
			channels = axis
		}
	}
	return im.canonical(v, channels)
}

// borderedPlane pads the axes that are the layer's output's second and third.
func (im *importer) borderedPlane(v value, begin, end []int, fill float64) (value, error) {
	layer := graph.Pad{Value: fill}
	l := v.layout
	for axis := 1; axis < v.rank(); axis++ {
		if own := v.ownAxis(axis); own > 0 {
			layer.Begin[own-1], layer.End[own-1] = begin[axis], end[axis]
			l = l.replaced(axis, own, begin[axis]+v.size(axis)+end[axis])
		}
	}
	if layer.Begin == (graph.Pair{}) && layer.End == (graph.Pair{}) {
		return v, nil
	}
	out, err := im.add(layer, []value{v}, "")
	if err == nil {
		out.layout = l
	}
	return out, err
}

// pads reads the padding before and after each axis, and its value.
func (c *call) pads(rank int) (begin, end []int, fill float64, err error) {
	list, fill := c.ints("pads"), 0.0
	axes := span(0, rank)
	if c.im.opset < 11 {
		fill = c.float("value", 0)
	} else {
		amounts, err := c.constant(1)
		if err != nil {
			return nil, nil, 0, err
		}
		if list, err = c.im.fixedInts(amounts); err != nil {
			return nil, nil, 0, err
		}
		if number, err := c.optional(2); err != nil {
			return nil, nil, 0, err
		} else if number != nil {
			if fill, err = c.im.scalar(number); err != nil {
				return nil, nil, 0, err
			}
		}
		if chosen, err := c.optional(3); err != nil {
			return nil, nil, 0, err
		} else if chosen != nil {
			which, err := c.im.fixedInts(chosen)
			if err != nil {
				return nil, nil, 0, err
			}
			if axes, err = withinAll(which, rank); err != nil {
				return nil, nil, 0, err
			}
		}
	}
	if len(list) != 2*len(axes) {
		return nil, nil, 0, fmt.Errorf("got %d pads for %d axes, want 2 for each", len(list), len(axes))
	}
	begin, end = make([]int, rank), make([]int, rank)
	for i, axis := range axes {
		b, e := list[i], list[len(axes)+i]
		if max(b, e) > maxSize || min(b, e) < -maxSize {
			return nil, nil, 0, fmt.Errorf("pads: got %v, want at most %d", list, maxSize)
		}
		begin[axis], end[axis] = int(b), int(e)
	}
	return begin, end, fill, nil
}

// borderIndices returns the indices of an axis with its border continued.
func borderIndices(mode string, n, begin, end int) ([]int, error) {
	var out []int
	if n+begin+end < 1 || n+begin+end > maxSize {
		return nil, fmt.Errorf("got %d padded by %d and %d, want a size from 1 to %d", n, begin, end, maxSize)
	}
	for i := -begin; i < n+end; i++ {
		at := i
		switch mode {
		case "constant":
		case "edge":
			at = min(max(i, 0), n-1)
		case "wrap":
			at = ((i % n) + n) % n
		case "reflect":
			period := max(2*(n-1), 1)
			at = ((i % period) + period) % period
			if at >= n {
				at = period - at
			}
		default:
			return nil, fmt.Errorf("mode %q is not supported", mode)
		}
		out = append(out, at)
	}
	return out, nil
}
