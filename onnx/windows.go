package onnx

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// A window is the common part of a convolution and a pooling.
type window struct {
	kernel, stride, dilation graph.Pair
	begin, end               graph.Pair // padding
	ceil                     bool
	auto                     string // auto_pad
}

// window reads a window's attributes, for an input (C, H, W).
func (c *call) window(kernel graph.Pair, in tensor.Shape) (window, error) {
	one := graph.Square(1)
	w := window{kernel: kernel, stride: c.pair("strides", one), dilation: c.pair("dilations", one),
		ceil: c.int("ceil_mode", 0) != 0}
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
			return w, fmt.Errorf("got auto_pad %q with pads %v, want auto_pad alone, or 4 pads", auto, given)
		}
	case len(given) != 0:
		return w, fmt.Errorf("got auto_pad %q with pads %v, want auto_pad alone, or 4 pads", auto, given)
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

// samePad returns the total padding that gives ceil(size/stride) windows.
func samePad(size, kernel, stride, dilation int) int {
	places := (size + stride - 1) / stride
	return max(0, (places-1)*stride+(kernel-1)*dilation+1-size)
}

// windowed adds a layer with a window, without the Pad before it where the layer takes its padding
// in.
func (im *importer) windowed(v value, w window, fits func(value float64) bool, layer func(w window) graph.Layer,
	weight string, params ...param) (value, error) {
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
		return nil, fmt.Errorf("weight: got shape %v, want a 2-D convolution's, of 4 axes", kernels.dims)
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
		l := graph.Conv2D{Filters: filters, Kernel: kernel, Stride: unlessOne(w.stride),
			Dilation: unlessOne(w.dilation), NoBias: bias == nil}
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
		l := graph.AvgPool{Kernel: w.kernel, Stride: w.stride, Dilation: unlessOne(w.dilation), Ceil: w.ceil,
			ExcludePad: !counted && padded}
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
		l := graph.LpPool{P: float64(p), Kernel: w.kernel, Stride: w.stride, Dilation: unlessOne(w.dilation),
			Ceil: w.ceil}
		l.Pad, l.PadBegin, l.PadEnd = w.pad()
		return l
	}
	return one(c.im.windowed(v, w, isZero, layer, ""))
}
