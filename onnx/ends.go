package onnx

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// input returns the input that is not an initializer. Older files list initializers as inputs too.
func (im *importer) input(inputs []schema.ValueInfo) (tensor.Shape, error) {
	var found []schema.ValueInfo
	var names []string
	for _, v := range inputs {
		if im.constants[v.Name] == nil {
			found, names = append(found, v), append(names, v.Name)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("got %d inputs (%.200s), want one", len(found), strings.Join(names, ", "))
	}
	v := found[0]
	switch v.Type {
	case schema.Float32, schema.Float64, schema.Float16, schema.BFloat16:
	default:
		return nil, fmt.Errorf("input %q is of element type %d: want a tensor of floats", v.Name, v.Type)
	}
	dims, err := im.inputSizes(v)
	if err != nil {
		return nil, err
	}
	l, err := im.inputLayout(v, dims)
	if err != nil {
		return nil, err
	}
	im.picture, im.double = l.shape, v.Type == schema.Float64
	im.values[v.Name] = &value{source: inputStep, layout: l, single: im.uses[v.Name] == 1}
	return l.shape, nil
}

// inputSizes returns the input's sizes after the batch. Open ones are the reader's.
func (im *importer) inputSizes(v schema.ValueInfo) ([]int, error) {
	if !v.HasShape || len(v.Shape) == 0 {
		return nil, dimensions(v)
	}
	given := im.reader.Input
	if given != nil && len(given) != len(v.Shape)-1 {
		return nil, fmt.Errorf("input %q has %d dimensions after the batch: got an input of %v, want as many",
			v.Name, len(v.Shape)-1, given)
	}
	var sizes []int
	for i, d := range v.Shape[1:] {
		size := d.Size
		switch {
		case given == nil && size == 0:
			return nil, fmt.Errorf("input %q: dimension %d, %q, is open: want the shape of an image, such as 3x224x224",
				v.Name, i+1, d.Param)
		case given != nil && size > 0 && size != int64(given[i]):
			return nil, fmt.Errorf("input %q: dimension %d is %d: got %d of %v", v.Name, i+1, size, given[i], given)
		case given != nil:
			size = int64(given[i])
		}
		if size < 1 || size > maxSize {
			return nil, fmt.Errorf("input %q: dimension %d: got %d, want 1 to %d", v.Name, i+1, size, maxSize)
		}
		sizes = append(sizes, int(size))
	}
	return sizes, nil
}

// inputLayout returns the memory layout of the network's input.
func (im *importer) inputLayout(v schema.ValueInfo, sizes []int) (layout, error) {
	im.batch = v.Shape[0].Size
	if im.whole {
		return wholeLayout(v, sizes)
	}
	if len(sizes) != 3 && len(sizes) != 1 {
		return layout{}, dimensions(v)
	}
	if im.reader.ChannelsFirst {
		return channelsFirst(v, sizes)
	}
	return newLayout(sizes, false), nil
}

// channelsFirst returns the layout of an input (N, H, W, C) of a network that reads (C, H, W).
func channelsFirst(v schema.ValueInfo, sizes []int) (layout, error) {
	if len(sizes) != 3 {
		return layout{}, fmt.Errorf("input %q: got %d dimensions, want (N, H, W, C) for channels first",
			v.Name, len(v.Shape))
	}
	l := newLayout(tensor.Shape{sizes[2], sizes[0], sizes[1]}, false)
	return l.withAxes([][]int{nil, l.axes[2], l.axes[3], l.axes[1]}), nil
}

// errDimensions is in the error of an input that isn't a batch of images.
var errDimensions = errors.New("want (N, C, H, W) or (N, features)")

func dimensions(v schema.ValueInfo) error {
	return fmt.Errorf("input %q has %d dimensions: %w", v.Name, len(v.Shape), errDimensions)
}

// wholeLayout returns the layout of an input whose batch is part of the image. With a batch of 1
// the image is unchanged; three axes are an image; anything else is a row.
func wholeLayout(v schema.ValueInfo, sizes []int) (layout, error) {
	batch := v.Shape[0].Size
	if batch == 0 {
		return layout{}, dimensions(v)
	}
	if batch < 1 || batch > maxSize {
		return layout{}, fmt.Errorf("input %q: the number of images: got %d, want 1 to %d", v.Name, batch, maxSize)
	}
	dims := []number{{fixed: batch}}
	for _, n := range sizes {
		dims = append(dims, number{fixed: int64(n)})
	}
	all := fixed(dims)
	shape := tensor.Shape{count(all)}
	switch {
	case len(sizes) == 2:
		shape = all
	case batch == 1 && (len(sizes) == 1 || len(sizes) == 3):
		shape = sizes
	}
	if count(all) > maxElements {
		return layout{}, fmt.Errorf("input %q: got shape %v, want at most %d numbers", v.Name, all, maxElements)
	}
	l, ok := newLayout(shape, true).reshaped(dims)
	if !ok {
		return layout{}, fmt.Errorf("input %q has shape %v: that is not supported", v.Name, all)
	}
	return l, nil
}

// output returns the network's output. A file with several outputs has logits and their
// probabilities, or the reader chooses one.
func (im *importer) output(outputs []schema.ValueInfo) (value, error) {
	var names []string
	for _, v := range outputs {
		names = append(names, v.Name)
	}
	name := im.reader.Output
	switch {
	case name != "" && !im.exists(name):
		return value{}, fmt.Errorf("no node makes the output %.80q", name)
	case name != "":
	case len(names) == 0:
		return value{}, fmt.Errorf("the graph has no output")
	default:
		name = names[0]
	}
	v := im.values[name]
	if v == nil {
		return value{}, fmt.Errorf("output %q is not made by the nodes from the input", name)
	}
	if err := im.complaint(v.broken); err != nil {
		return value{}, err
	}
	end, err := im.finish(*v)
	if err != nil {
		return value{}, fmt.Errorf("output %q: %w", name, err)
	}
	if im.reader.Output == "" && len(names) > 1 {
		return im.probabilities(end, names)
	}
	return end, nil
}

// complaint names every unsupported node of those given.
func (im *importer) complaint(broken []int) error {
	if len(broken) == 0 {
		return nil
	}
	var all []string
	for _, i := range broken {
		all = append(all, im.unsupported[i].Error())
	}
	if len(all) == 1 {
		return im.unsupported[broken[0]]
	}
	const most = 50
	if more := len(all) - most; more > 0 {
		all = append(all[:most], fmt.Sprintf("and %d more", more))
	}
	return errors.New(fmt.Sprintf("%d nodes are not supported: ", len(broken)) + strings.Join(all, "; "))
}

// finish settles the last value and restores the file's order and shape.
func (im *importer) finish(v value) (value, error) {
	v, err := im.settle(v)
	if err != nil {
		return v, err
	}
	if v.rank() == 2 && len(v.shape) > 1 {
		return im.row(v)
	}
	if v.inOrder() {
		return v, nil
	}
	return im.inOrder(v)
}

// probabilities accepts two outputs if one is the Softmax or Sigmoid of the other: a network with
// its logits and its probabilities.
func (im *importer) probabilities(first value, names []string) (value, error) {
	refusal := fmt.Errorf("the graph has %d outputs (%.200q): choose one", len(names), names)
	if len(names) != 2 || im.values[names[1]] == nil {
		return value{}, refusal
	}
	if err := im.complaint(im.values[names[1]].broken); err != nil {
		return value{}, err
	}
	second, err := im.finish(*im.values[names[1]])
	if err != nil {
		return value{}, fmt.Errorf("output %q: %w", names[1], err)
	}
	for _, pair := range [][2]value{{first, second}, {second, first}} {
		logits, squashed := pair[0], pair[1]
		if squashed.source == inputStep {
			continue
		}
		s := im.steps[squashed.source]
		switch s.layer.(type) {
		case graph.Softmax, graph.Sigmoid:
			if s.inputs[0] == logits.source {
				return squashed, nil
			}
		}
	}
	return value{}, refusal
}
