package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

const (
	irVersion   = 8 // goes with opset 17
	opset       = 17
	batchParam  = "N"
	inputName   = "input"
	logitsName  = "logits"
	softmaxName = "probabilities"
	outputName  = "output"
)

// exporter builds the graph from the input on.
type exporter struct {
	graph   schema.Graph
	params  map[string]*tensor.Dense
	element schema.ElementType
	value   string       // what the last node made
	shape   tensor.Shape // of value, without the batch
}

func export(m *graph.Model) (*schema.Model, error) {
	spec := m.Spec()
	e := &exporter{params: map[string]*tensor.Dense{}, element: schema.Float32, value: inputName, shape: spec.Input}
	if m.Dtype() == tensor.Float64 {
		e.element = schema.Float64
	}
	e.graph.Name = spec.Name
	e.graph.Inputs = []schema.ValueInfo{e.info(inputName)}
	for _, p := range m.Params() {
		e.params[p.Name] = p.Value
	}
	for i, l := range m.Summary().Layers {
		if err := e.layer(l.Name, spec.Layers[i]); err != nil {
			return nil, fmt.Errorf("layer %d %q: %w", i+1, l.Name, err)
		}
	}
	e.nameOutputs(spec.Layers[len(spec.Layers)-1])
	return &schema.Model{
		IRVersion:    irVersion,
		Opsets:       []schema.Opset{{Version: opset}},
		ProducerName: "convgraph",
		Graph:        e.graph,
	}, nil
}

// layer adds a layer's nodes and leaves their result in e.value.
func (e *exporter) layer(name string, l graph.Layer) error {
	out, err := l.Output(e.shape)
	if err != nil {
		return err
	}
	if err := e.nodes(name, l); err != nil {
		return err
	}
	e.shape = out
	return nil
}

func (e *exporter) nodes(name string, l graph.Layer) error {
	switch l := l.(type) {
	case graph.Conv2D:
		return e.conv(name, l)
	case graph.Subsample:
		return e.subsample(name, l)
	case graph.MaxPool:
		e.node(name, "MaxPool", nil, window(l.Kernel, l.Stride, l.Pad)...)
	case graph.AvgPool:
		e.node(name, "AveragePool", nil, append(window(l.Kernel, l.Stride, l.Pad), intAttribute("count_include_pad", 1))...)
	case graph.Affine:
		return e.affine(name)
	case graph.Flatten:
		e.node(name, "Flatten", nil, intAttribute("axis", 1))
	case graph.ReLU:
		e.node(name, "Relu", nil)
	case graph.Sigmoid:
		e.node(name, "Sigmoid", nil)
	case graph.Tanh:
		return e.tanh(name, l)
	case graph.LRN:
		return e.lrn(name, l)
	case graph.Dropout:
		return e.dropout(name, l)
	case graph.Normalize:
		return e.normalize(name, l)
	case graph.Softmax:
		e.node(name, "Softmax", nil, intAttribute("axis", -1))
	default:
		return fmt.Errorf("a layer of type %T has no counterpart in ONNX", l)
	}
	return nil
}

func (e *exporter) conv(name string, l graph.Conv2D) error {
	weight, bias := e.params[name+".weight"], e.params[name+".bias"]
	if l.Connections != nil {
		weight = fullWeight(l, weight, e.shape[0])
	}
	inputs, err := e.initializers(named{name + ".weight", weight}, named{name + ".bias", bias})
	if err != nil {
		return err
	}
	attributes := append(window(l.Kernel, orOnes(l.Stride), l.Pad),
		pairAttribute("dilations", orOnes(l.Dilation)), intAttribute("group", int64(max(l.Groups, 1))))
	e.node(name, "Conv", inputs, attributes...)
	return nil
}

// fullWeight spreads the kernels of a partly connected layer (connections, kh,
// kw) over (filters, channels, kh, kw), with zeros where nothing is connected.
func fullWeight(l graph.Conv2D, weight *tensor.Dense, channels int) *tensor.Dense {
	taps := l.Kernel[0] * l.Kernel[1]
	full := tensor.New(tensor.Of(weight.Dtype()), tensor.WithShape(len(l.Connections), channels, l.Kernel[0], l.Kernel[1]))
	from := 0
	for filter, inputs := range l.Connections {
		for _, channel := range inputs {
			to := (filter*channels + channel) * taps
			for tap := range taps {
				full.Set(to+tap, weight.Get(from+tap))
			}
			from += taps
		}
	}
	return full
}

// subsample is a depthwise convolution: y = coefficient·Σ window + bias has the
// coefficient as every weight of its channel's kernel.
func (e *exporter) subsample(name string, l graph.Subsample) error {
	coefficient, bias := e.params[name+".coefficient"], e.params[name+".bias"]
	channels, taps := e.shape[0], l.Kernel[0]*l.Kernel[1]
	weight := tensor.New(tensor.Of(coefficient.Dtype()), tensor.WithShape(channels, 1, l.Kernel[0], l.Kernel[1]))
	for i := range channels * taps {
		weight.Set(i, coefficient.Get(i/taps))
	}
	inputs, err := e.initializers(named{name + ".weight", weight}, named{name + ".bias", bias})
	if err != nil {
		return err
	}
	e.node(name, "Conv", inputs, append(window(l.Kernel, l.Stride, graph.Pair{}), intAttribute("group", int64(channels)))...)
	return nil
}

func (e *exporter) affine(name string) error {
	if e.shape.Dims() > 1 {
		e.node(name+".flatten", "Flatten", nil, intAttribute("axis", 1))
	}
	inputs, err := e.initializers(named{name + ".weight", e.params[name+".weight"]}, named{name + ".bias", e.params[name+".bias"]})
	if err != nil {
		return err
	}
	e.node(name, "Gemm", inputs, intAttribute("transB", 1))
	return nil
}

// tanh is A·tanh(B·x), with the multiplications only where they do something.
func (e *exporter) tanh(name string, l graph.Tanh) error {
	if err := e.scale(name+".inner", l.B); err != nil {
		return err
	}
	e.node(name, "Tanh", nil)
	return e.scale(name+".outer", l.A)
}

func (e *exporter) scale(name string, factor float64) error {
	if factor == 0 || factor == 1 {
		return nil
	}
	inputs, err := e.initializers(named{name, e.scalar(factor)})
	if err != nil {
		return err
	}
	e.node(name, "Mul", inputs)
	return nil
}

// lrn: ONNX divides alpha by the size, and takes the longer half of an even
// neighbourhood after the channel where ours lies before it.
func (e *exporter) lrn(name string, l graph.LRN) error {
	if l.Size%2 == 0 {
		return fmt.Errorf("an LRN of even size %d lies differently in ONNX: want an odd size", l.Size)
	}
	e.node(name, "LRN", nil, intAttribute("size", int64(l.Size)), floatAttribute("alpha", l.Alpha*float64(l.Size)),
		floatAttribute("beta", l.Beta), floatAttribute("bias", l.K))
	return nil
}

// dropout does nothing in prediction, but the classic one multiplies.
func (e *exporter) dropout(name string, l graph.Dropout) error {
	if l.Classic {
		return e.scale(name, 1-l.Rate)
	}
	rate := tensor.New(tensor.FromScalar(float32(l.Rate)))
	inputs, err := e.initializers(named{name + ".ratio", rate})
	if err != nil {
		return err
	}
	e.node(name, "Dropout", inputs)
	return nil
}

func (e *exporter) normalize(name string, l graph.Normalize) error {
	inputs, err := e.initializers(named{name + ".mean", e.perChannel(l.Mean)}, named{name + ".deviation", e.perChannel(l.Deviation)})
	if err != nil {
		return err
	}
	e.node(name+".centred", "Sub", inputs[:1])
	e.node(name, "Div", inputs[1:])
	return nil
}

// perChannel is a constant (C, 1, 1) of the model's element type.
func (e *exporter) perChannel(values []float64) *tensor.Dense {
	if e.element == schema.Float64 {
		return tensor.New(tensor.WithShape(len(values), 1, 1), tensor.WithBacking(slices.Clone(values)))
	}
	narrow := make([]float32, len(values))
	for i, v := range values {
		narrow[i] = float32(v)
	}
	return tensor.New(tensor.WithShape(len(values), 1, 1), tensor.WithBacking(narrow))
}

// node adds a node that takes e.value first, then the constants.
func (e *exporter) node(name, op string, constants []string, attributes ...schema.Attribute) {
	out := name + ".out"
	e.graph.Nodes = append(e.graph.Nodes, schema.Node{
		Name: name, Op: op, Inputs: append([]string{e.value}, constants...), Outputs: []string{out}, Attributes: attributes,
	})
	e.value = out
}

type named struct {
	name  string
	value *tensor.Dense
}

func (e *exporter) initializers(arrays ...named) (names []string, err error) {
	for _, a := range arrays {
		t, err := schema.NewTensor(a.name, a.value)
		if err != nil {
			return nil, err
		}
		e.graph.Initializers = append(e.graph.Initializers, t)
		names = append(names, a.name)
	}
	return names, nil
}

// scalar is a constant of the model's element type.
func (e *exporter) scalar(v float64) *tensor.Dense {
	if e.element == schema.Float64 {
		return tensor.New(tensor.FromScalar(v))
	}
	return tensor.New(tensor.FromScalar(float32(v)))
}

// nameOutputs gives the last values the names that callers know them by.
func (e *exporter) nameOutputs(last graph.Layer) {
	nodes := e.graph.Nodes
	end := len(nodes) - 1
	if _, ok := last.(graph.Softmax); !ok {
		nodes[end].Outputs[0] = outputName
		e.graph.Outputs = []schema.ValueInfo{e.info(outputName)}
		return
	}
	nodes[end].Outputs[0] = softmaxName
	e.graph.Outputs = []schema.ValueInfo{e.info(softmaxName)}
	if end > 0 {
		nodes[end-1].Outputs[0], nodes[end].Inputs[0] = logitsName, logitsName
		e.graph.Outputs = append([]schema.ValueInfo{e.info(logitsName)}, e.graph.Outputs...)
	}
}

// info declares a value of the shape e.shape, the batch left open.
func (e *exporter) info(name string) schema.ValueInfo {
	v := schema.ValueInfo{Name: name, Type: e.element, HasShape: true, Shape: []schema.Dim{{Param: batchParam}}}
	for _, n := range e.shape {
		v.Shape = append(v.Shape, schema.Dim{Size: int64(n)})
	}
	return v
}

// window is the geometry that convolution and pooling share. A stride of 0 is
// the kernel's size, as pooling has it.
func window(kernel, stride, pad graph.Pair) []schema.Attribute {
	for axis := range stride {
		if stride[axis] == 0 {
			stride[axis] = kernel[axis]
		}
	}
	return []schema.Attribute{
		pairAttribute("kernel_shape", kernel),
		pairAttribute("strides", stride),
		intsAttribute("pads", pad[0], pad[1], pad[0], pad[1]),
	}
}

func orOnes(p graph.Pair) graph.Pair { return graph.Pair{max(p[0], 1), max(p[1], 1)} }

func intAttribute(name string, v int64) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Int, Int: v}
}

func floatAttribute(name string, v float64) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Float, Float: float32(v)}
}

func pairAttribute(name string, p graph.Pair) schema.Attribute {
	return intsAttribute(name, p[0], p[1])
}

func intsAttribute(name string, values ...int) schema.Attribute {
	a := schema.Attribute{Name: name, Type: schema.Ints}
	for _, v := range values {
		a.Ints = append(a.Ints, int64(v))
	}
	return a
}
