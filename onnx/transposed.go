package onnx

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// convTranspose is a convolution of the image, with zeros between its pixels, by the flipped
// kernels (Dumoulin and Visin 2016, section 4). The zeros are added as channels and moved between
// the pixels.
func convTranspose(c *call) ([]value, error) {
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
	groups := c.count("group", 1)
	if len(kernels.dims) != 4 || kernels.dims[0] != v.shape[0] || c.attributes.err != nil || v.shape[0]%groups != 0 {
		return nil, fmt.Errorf("weight has shape %v for %s: want a 2-D convolution's, of 4 axes",
			kernels.dims, v.text())
	}
	kernel := graph.Pair{kernels.dims[2], kernels.dims[3]}
	if given := c.pair("kernel_shape", kernel); given != kernel {
		return nil, fmt.Errorf("kernel_shape is %v, the weight's %v", given, kernel)
	}
	extra := c.ints("output_padding")
	wanted := c.ints("output_shape")
	w, err := c.window(kernel, v.shape)
	if err != nil {
		return nil, err
	}
	if err := c.transposedPads(&w, v.shape, extra, wanted); err != nil {
		return nil, err
	}
	weight, err := c.im.turned(kernels, groups)
	if err != nil {
		return nil, err
	}
	filters := kernels.dims[1] * groups
	bias, err := c.bias(2, filters)
	if err != nil {
		return nil, err
	}
	if v, err = c.im.stretched(v, w.stride); err != nil {
		return nil, err
	}
	// Behind the last pixel there are stride-1 zeros already.
	for axis := range w.end {
		reach := (kernel[axis] - 1) * w.dilation[axis]
		w.begin[axis], w.end[axis] = reach-w.begin[axis], reach-w.end[axis]-(w.stride[axis]-1)
		first, last := max(0, -w.begin[axis]), v.shape[1+axis]-max(0, -w.end[axis])
		if first >= last {
			return nil, fmt.Errorf("pads leave nothing of %s", v.text())
		}
		if v, err = c.im.taken(v, 2+axis, span(first, last-first)); err != nil {
			return nil, err
		}
		w.begin[axis], w.end[axis] = max(0, w.begin[axis]), max(0, w.end[axis])
	}
	layer := graph.Conv2D{Filters: filters, Kernel: kernel, Dilation: unlessOne(w.dilation), NoBias: bias == nil}
	if layer.Pad, layer.PadBegin, layer.PadEnd = w.pad(); groups > 1 {
		layer.Groups = groups
	}
	return one(c.im.add(layer, []value{v}, c.node.Inputs[1], param{"weight", weight}, param{"bias", bias}))
}

// transposedPads works out what is cut off of each side: a padding of the convolution that is
// turned round. The end may be negative, for rows that are added.
func (c *call) transposedPads(w *window, in tensor.Shape, extra, wanted []int64) error {
	auto := w.auto
	if extra != nil && len(extra) != 2 || wanted != nil && len(wanted) != 2 {
		return fmt.Errorf("output_padding %v, output_shape %v: want height and width", extra, wanted)
	}
	for axis := range w.begin {
		added := 0
		if extra != nil {
			added = c.size("output_padding", extra[axis])
		}
		full := (in[1+axis]-1)*w.stride[axis] + (w.kernel[axis]-1)*w.dilation[axis] + 1 + added
		target := 0
		switch {
		case wanted != nil:
			target = c.size("output_shape", wanted[axis])
		case auto == "SAME_UPPER" || auto == "SAME_LOWER":
			target = in[1+axis] * w.stride[axis]
		}
		if target > 0 {
			total := full - target
			w.begin[axis] = total / 2
			if auto == "SAME_LOWER" {
				w.begin[axis] = total - total/2
			}
			w.end[axis] = total - w.begin[axis]
		}
		w.end[axis] -= added
	}
	return c.attributes.err
}

// turned returns the weight (channels, filters/groups, kh, kw) of a transposed convolution as that
// of a convolution, (filters, channels/groups, kh, kw), with flipped kernels.
func (im *importer) turned(kernels *constant, groups int) (*tensor.Dense, error) {
	weight, err := im.parameter(kernels, kernels.dims...)
	if err != nil {
		return nil, err
	}
	channels, filters, taps := kernels.dims[0]/groups, kernels.dims[1], kernels.dims[2]*kernels.dims[3]
	index := func(i int) int {
		tap, channel, filter := i%taps, i/taps%channels, i/(taps*channels)
		group := filter / filters
		return ((group*channels+channel)*filters+filter%filters)*taps + taps - 1 - tap
	}
	values := pick(weight.Data(), kernels.count(), index)
	return dense(values, []int{filters * groups, channels, kernels.dims[2], kernels.dims[3]}), nil
}

// stretched inserts stride-1 rows and columns of zeros after each.
func (im *importer) stretched(v value, stride graph.Pair) (value, error) {
	channels, height, width := v.shape[0], v.shape[1], v.shape[2]
	if stride == graph.Square(1) {
		return v, nil
	}
	places := stride[0] * stride[1]
	v, err := im.add(graph.PadChannels{End: channels * (places - 1)}, []value{v}, "")
	if err != nil {
		return value{}, err
	}
	return im.add(graph.Rearrange{
		Dims: []int{stride[0], stride[1], channels, height, width}, Order: []int{2, 3, 0, 4, 1},
		Shape: []int{channels, height * stride[0], width * stride[1]},
	}, []value{v}, "")
}
