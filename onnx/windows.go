package onnx

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// A window is what a convolution and a pooling have in common.
type window struct {
	kernel, stride, dilation graph.Pair
	begin, end               graph.Pair // padding
	ceil                     bool
	auto                     string // auto_pad
}

// pad is the padding as layers have it: what both sides share, and what each has beyond that.
func (w window) pad() (both, begin, end graph.Pair) {
	for axis := range both {
		both[axis] = min(w.begin[axis], w.end[axis])
		begin[axis], end[axis] = w.begin[axis]-both[axis], w.end[axis]-both[axis]
	}
	return both, begin, end
}

// window reads a window's attributes, for an input (C, H, W).
func (c *call) window(kernel graph.Pair, in tensor.Shape) (window, error) {
	one := graph.Square(1)
	w := window{kernel: kernel, stride: c.pair("strides", one), dilation: c.pair("dilations", one), ceil: c.int("ceil_mode", 0) != 0}
	if c.attributes.err != nil {
		return w, c.attributes.err
	}
	w.auto = c.attributes.text("auto_pad", "NOTSET")
	auto, given := w.auto, c.ints("pads")
	switch {
	case auto == "NOTSET" && len(given) == 4:
		w.begin = graph.Pair{c.size("pads", given[0]), c.size("pads", given[1])}
		w.end = graph.Pair{c.size("pads", given[2]), c.size("pads", given[3])}
	case auto == "VALID":
		if slices.ContainsFunc(given, func(n int64) bool { return n != 0 }) {
			return w, fmt.Errorf("auto_pad %q with pads %v: want auto_pad alone, or 4 pads", auto, given)
		}
	case len(given) != 0:
		return w, fmt.Errorf("auto_pad %q with pads %v: want auto_pad alone, or 4 pads", auto, given)
	case auto == "SAME_UPPER" || auto == "SAME_LOWER":
		for axis := range w.begin {
			total := samePad(in[1+axis], kernel[axis], w.stride[axis], w.dilation[axis])
			w.begin[axis], w.end[axis] = total/2, total-total/2
			if auto == "SAME_LOWER" {
				w.begin[axis], w.end[axis] = w.end[axis], w.begin[axis]
			}
		}
		w.ceil = false // the padding settles the number of places
	case auto != "NOTSET":
		return w, fmt.Errorf("auto_pad %q is not supported", auto)
	}
	return w, c.attributes.err
}

// samePad is the padding in all that gives ceil(size/stride) places.
func samePad(size, kernel, stride, dilation int) int {
	places := (size + stride - 1) / stride
	return max(0, (places-1)*stride+(kernel-1)*dilation+1-size)
}

// unpadded looks for a Pad layer that a window's own padding can do the work of: the value that it
// reads, and the window with more padding.
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
	before := value{source: s.inputs[0], layout: newLayout(im.shapeOf(s.inputs[0]))}
	return before, w
}

// windowed adds a layer with a window, without the Pad before it where the layer takes its padding in.
func (im *importer) windowed(v value, w window, fits func(value float64) bool, layer func(w window) graph.Layer, weight string, params ...param) (value, error) {
	if before, wider := im.unpadded(v, w, fits); before.source != v.source {
		if out, err := im.add(layer(wider), []value{before}, weight, params...); err == nil {
			return out, nil
		}
	}
	return im.add(layer(w), []value{v}, weight, params...)
}

func isZero(v float64) bool { return v == 0 }

func conv(c *call) ([]value, error) {
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	kernels, err := c.constant(1)
	if err != nil {
		return nil, err
	}
	if len(kernels.dims) != 4 {
		return nil, fmt.Errorf("weight has shape %v: want a 2-D convolution's, of 4 axes", kernels.dims)
	}
	kernel := graph.Pair{kernels.dims[2], kernels.dims[3]}
	if given := c.pair("kernel_shape", kernel); given != kernel {
		return nil, fmt.Errorf("kernel_shape is %v, the weight's %v", given, kernel)
	}
	groups := c.count("group", 1)
	w, err := c.window(kernel, v.shape)
	if err != nil {
		return nil, err
	}
	weight, err := c.im.parameter(kernels, kernels.dims...)
	if err != nil {
		return nil, err
	}
	filters := kernels.dims[0]
	bias, err := c.bias(2, filters)
	if err != nil {
		return nil, err
	}
	layer := func(w window) graph.Layer {
		l := graph.Conv2D{Filters: filters, Kernel: kernel, Stride: unlessOne(w.stride), Dilation: unlessOne(w.dilation), NoBias: bias == nil}
		if l.Pad, l.PadBegin, l.PadEnd = w.pad(); groups > 1 {
			l.Groups = groups
		}
		return l
	}
	out, err := c.im.windowed(v, w, isZero, layer, c.node.Inputs[1], param{"weight", weight}, param{"bias", bias})
	if err == nil && bias == nil {
		c.im.steps[out.source].open["bias"] = true
	}
	return one(out, err)
}

// unlessOne leaves out what is the default.
func unlessOne(p graph.Pair) graph.Pair {
	if p == graph.Square(1) {
		return graph.Pair{}
	}
	return p
}

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

// pooling reads what all poolings have in common.
func (c *call) pooling() (value, window, error) {
	v, err := c.x(0)
	if err != nil {
		return v, window{}, err
	}
	if v, err = c.im.image(v); err != nil {
		return v, window{}, err
	}
	kernel := c.pair("kernel_shape", graph.Pair{})
	if kernel[0] < 1 || kernel[1] < 1 {
		return v, window{}, fmt.Errorf("kernel_shape is missing: want height and width")
	}
	w, err := c.window(kernel, v.shape)
	return v, w, err
}

func maxPool(c *call) ([]value, error) {
	c.int("storage_order", 0) // of the indices, which are not supported
	v, w, err := c.pooling()
	if err != nil {
		return nil, err
	}
	layer := func(w window) graph.Layer {
		l := graph.MaxPool{Kernel: w.kernel, Stride: w.stride, Dilation: unlessOne(w.dilation), Ceil: w.ceil}
		l.Pad, l.PadBegin, l.PadEnd = w.pad()
		return l
	}
	return one(c.im.windowed(v, w, func(v float64) bool { return v <= -math.MaxFloat32 }, layer, ""))
}

func averagePool(c *call) ([]value, error) {
	if out, ok, err := c.windowForm(); ok || err != nil {
		return one(out, err)
	}
	counted := c.int("count_include_pad", 0) != 0
	v, w, err := c.pooling()
	if err != nil {
		return nil, err
	}
	padded := w.begin != graph.Pair{} || w.end != graph.Pair{}
	layer := func(w window) graph.Layer {
		l := graph.AvgPool{Kernel: w.kernel, Stride: w.stride, Dilation: unlessOne(w.dilation), Ceil: w.ceil, ExcludePad: !counted && padded}
		l.Pad, l.PadBegin, l.PadEnd = w.pad()
		return l
	}
	return one(c.im.windowed(v, w, func(v float64) bool { return v == 0 && (counted || !padded) }, layer, ""))
}

func lpPool(c *call) ([]value, error) {
	p := c.int("p", 2)
	v, w, err := c.pooling()
	if err != nil {
		return nil, err
	}
	layer := func(w window) graph.Layer {
		l := graph.LpPool{P: float64(p), Kernel: w.kernel, Stride: w.stride, Dilation: unlessOne(w.dilation), Ceil: w.ceil}
		l.Pad, l.PadBegin, l.PadEnd = w.pad()
		return l
	}
	return one(c.im.windowed(v, w, isZero, layer, ""))
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
	if begin[0] != 0 || end[0] != 0 {
		return nil, fmt.Errorf("pads the batch: that is not supported")
	}
	for axis := 1; axis < v.rank(); axis++ {
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
	if mode != "constant" || !slices.ContainsFunc(slices.Concat(begin, end), func(n int) bool { return n != 0 }) {
		return one(v, nil)
	}
	if v, err = c.im.image(v); err != nil {
		return nil, err
	}
	if begin[1] != 0 || end[1] != 0 {
		if fill != 0 {
			return nil, fmt.Errorf("channels of %g are not supported: want 0", fill)
		}
		if v, err = c.im.add(graph.PadChannels{Begin: begin[1], End: end[1]}, []value{v}, ""); err != nil {
			return nil, err
		}
	}
	layer := graph.Pad{Begin: graph.Pair{begin[2], begin[3]}, End: graph.Pair{end[2], end[3]}, Value: max(min(fill, math.MaxFloat32), -math.MaxFloat32)}
	if layer.Begin == (graph.Pair{}) && layer.End == (graph.Pair{}) {
		return one(v, nil)
	}
	return one(c.im.add(layer, []value{v}, ""))
}

// pads reads how much is added before and behind each axis, and what.
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
		return nil, nil, 0, fmt.Errorf("%d pads for %d axes: want 2 for each", len(list), len(axes))
	}
	begin, end = make([]int, rank), make([]int, rank)
	for i, axis := range axes {
		b, e := list[i], list[len(axes)+i]
		if max(b, e) > maxSize || min(b, e) < -maxSize {
			return nil, nil, 0, fmt.Errorf("pads are %v: want at most %d", list, maxSize)
		}
		begin[axis], end[axis] = int(b), int(e)
	}
	return begin, end, fill, nil
}

// borderIndices are the indices of an axis with its border continued.
func borderIndices(mode string, n, begin, end int) ([]int, error) {
	var out []int
	if n+begin+end < 1 || n+begin+end > maxSize {
		return nil, fmt.Errorf("pads %d by %d and %d: want a size from 1 to %d", n, begin, end, maxSize)
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

func gemm(c *call) ([]value, error) {
	c.int("broadcast", 1)
	if c.int("transA", 0) != 0 {
		return nil, fmt.Errorf("transA mixes the images of a batch: that is not supported")
	}
	alpha, beta, transB := c.float("alpha", 1), c.float("beta", 1), c.int("transB", 0) != 0
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	if v.rank() != 2 {
		return nil, fmt.Errorf("of %s is not supported: want (N, features)", v.text())
	}
	weight, err := c.matrix(transB)
	if err != nil {
		return nil, err
	}
	multiply(weight, alpha)
	if c.has(2) && c.inputs[2].value != nil {
		return one(c.plusValue(v, weight, beta))
	}
	bias, err := c.bias(2, weight.Shape()[0])
	if err != nil {
		return nil, err
	}
	multiply(bias, beta)
	return one(c.im.product(v, weight, bias, c.node.Inputs[1]))
}

// plusValue is a product with a value added that depends on the images, too.
func (c *call) plusValue(v value, weight *tensor.Dense, beta float64) (value, error) {
	out, err := c.im.product(v, weight, nil, c.node.Inputs[1])
	if err != nil {
		return value{}, err
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
	v, err := c.x(0)
	if err != nil {
		return nil, err
	}
	weight, err := c.matrix(false)
	if err != nil {
		return nil, err
	}
	return one(c.im.product(v, weight, nil, c.node.Inputs[1]))
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

// product multiplies the last axis of a value by a matrix (units, features): an affine layer where it
// is all there is, else a convolution of one pixel.
func (im *importer) product(v value, weight, bias *tensor.Dense, name string) (value, error) {
	units, features := weight.Shape()[0], weight.Shape()[1]
	last := v.rank() - 1
	if last < 1 || v.size(last) != features {
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
		out.layout = newLayout(tensor.Shape{units}).withAxes(axes)
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
	out, err := open(im.add(graph.Conv2D{Filters: units, Kernel: graph.Square(1), NoBias: bias == nil}, []value{v}, name, params...))
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
