package onnx

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/onnx/schema"
)

// fold computes a node whose inputs are all constant. Tensors stay in the
// file's own bytes until something uses them.
func (im *importer) fold(n *schema.Node, a *attributes) error {
	var t schema.Tensor
	var err error
	switch n.Op {
	case "Constant":
		t, err = constantNode(n, a)
	case "Identity":
		t, err = im.constantInput(n)
	case "Reshape":
		t, err = im.foldReshape(n, a)
	default:
		if _, ok := listOps[n.Op]; !ok {
			return fmt.Errorf("operator %q on constants is not supported", n.Op)
		}
		t, err = im.foldList(n, a)
	}
	if err != nil {
		return err
	}
	im.constants[n.Outputs[0]] = &t
	return nil
}

func (im *importer) constantInput(n *schema.Node) (schema.Tensor, error) {
	if len(n.Inputs) == 0 || n.Inputs[0] == "" {
		return schema.Tensor{}, fmt.Errorf("has no input")
	}
	return *im.constants[n.Inputs[0]], nil
}

func constantNode(n *schema.Node, a *attributes) (schema.Tensor, error) {
	if len(n.Attributes) != 1 {
		return schema.Tensor{}, fmt.Errorf("expected one attribute, found %d", len(n.Attributes))
	}
	t := schema.Tensor{Name: n.Outputs[0]}
	switch name := n.Attributes[0].Name; name {
	case "value":
		value, _ := a.take(name, schema.TensorValue)
		if value.Tensor == nil {
			return t, fmt.Errorf("attribute %q has no tensor", name)
		}
		return *value.Tensor, nil
	case "value_float":
		value, _ := a.take(name, schema.Float)
		t.Type, t.Floats = schema.Float32, []float32{value.Float}
	case "value_floats":
		value, _ := a.take(name, schema.Floats)
		t.Type, t.Floats, t.Dims = schema.Float32, value.Floats, []int64{int64(len(value.Floats))}
	case "value_int":
		t.Type, t.Int64s = schema.Int64, []int64{a.int(name, 0)}
	case "value_ints":
		t.Type, t.Int64s = schema.Int64, a.ints(name)
		t.Dims = []int64{int64(len(t.Int64s))}
	default:
		return t, fmt.Errorf("attribute %q is not supported", name)
	}
	return t, nil
}

func (im *importer) foldReshape(n *schema.Node, a *attributes) (schema.Tensor, error) {
	t, err := im.constantInput(n)
	if err != nil {
		return t, err
	}
	target, err := im.reshapeTarget(n, a)
	if err != nil {
		return t, err
	}
	t.Dims, err = resolve(target, t.Dims)
	return t, err
}

// reshapeTarget reads the shape that a Reshape asks for.
func (im *importer) reshapeTarget(n *schema.Node, a *attributes) ([]int64, error) {
	if len(n.Inputs) != 2 {
		return nil, fmt.Errorf("expected 2 inputs, found %d", len(n.Inputs))
	}
	target, err := im.ints(n.Inputs[1])
	if a.int("allowzero", 0) != 0 && slices.Contains(target, 0) {
		return nil, fmt.Errorf("to %v with allowzero asks for an empty tensor", target)
	}
	return target, err
}

// resolve works out a Reshape's 0 (as it was) and -1 (what is left).
func resolve(target, dims []int64) ([]int64, error) {
	total, product, open := int64(1), int64(1), -1
	for _, d := range dims {
		if d < 1 || d > maxElements/total {
			return nil, fmt.Errorf("cannot reshape %s", dimsText(dims))
		}
		total *= d
	}
	out := make([]int64, len(target))
	for i, d := range target {
		if d == 0 && i < len(dims) {
			d = dims[i]
		}
		out[i] = d
		switch {
		case d == -1 && open < 0:
			open = i
		case d < 1 || d > maxElements/product:
			return nil, fmt.Errorf("cannot reshape %s to %s", dimsText(dims), dimsText(target))
		default:
			product *= d
		}
	}
	if open >= 0 {
		out[open] = total / product
		product *= out[open]
	}
	if product != total {
		return nil, fmt.Errorf("cannot reshape %s to %s: the numbers of elements differ", dimsText(dims), dimsText(target))
	}
	return out, nil
}

const maxElements = 1 << 40

// ints returns a constant list of integers.
func (im *importer) ints(name string) ([]int64, error) {
	t, ok := im.constants[name]
	if !ok {
		return nil, fmt.Errorf("%q is not constant", name)
	}
	if len(t.Dims) > 1 {
		return nil, fmt.Errorf("%q: expected a list of integers, found shape %v", name, t.Dims)
	}
	l, err := listOf(t)
	return l.values, err
}

// scalar returns a constant of one number.
func (im *importer) scalar(name string) (float64, error) {
	t, ok := im.constants[name]
	if !ok {
		return 0, fmt.Errorf("%q is not constant", name)
	}
	for _, d := range t.Dims {
		if d != 1 {
			return 0, fmt.Errorf("%q: expected one number, found shape %v", name, t.Dims)
		}
	}
	value, err := t.Dense()
	if err != nil {
		return 0, err
	}
	switch v := value.Get(0).(type) {
	case float32:
		return shortest(v), nil
	case float64:
		return v, nil
	}
	return 0, fmt.Errorf("%q: expected a float, found %v", name, value.Dtype())
}

// parameter returns a constant to be trained, in memory of its own.
func (im *importer) parameter(name string) (*tensor.Dense, error) {
	t, ok := im.constants[name]
	if !ok {
		return nil, fmt.Errorf("parameter %q is missing or not constant", name)
	}
	value, err := t.Dense()
	if err != nil {
		return nil, fmt.Errorf("parameter: %w", err)
	}
	if dt := value.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
		return nil, fmt.Errorf("parameter %q: expected floats, found %v", name, dt)
	}
	if im.budget -= value.Shape().TotalSize() * int(value.Dtype().Size()); im.budget < 0 {
		return nil, fmt.Errorf("parameter %q: the parameters take more than %d times the file's size: the nodes share them again and again", name, sharing)
	}
	return value, nil
}

// layerName is the layer that a parameter's name speaks of: "conv1" of
// "conv1.weight", the form of PyTorch's exporters and of our own.
func layerName(weight string) string {
	name, ok := strings.CutSuffix(weight, ".weight")
	if !ok {
		return ""
	}
	return name
}
