package onnx

import (
	"encoding/json"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

const (
	leastOpset  = 17
	batchParam  = "N"
	valueInput  = "input"
	logitsName  = "logits"
	softmaxName = "probabilities"
	outputName  = "output"
)

// irVersions are the format versions of the operator sets.
var irVersions = map[int64]int64{17: 8, 18: 8, 19: 9, 20: 9, 21: 10}

// An exporter builds the graph from the input on.
type exporter struct {
	graph      schema.Graph
	element    schema.ElementType
	opset      int64
	values     map[*graph.Node]string
	parameters map[string]bool // initializers that are the model's parameters
	outline    bool            // leaves the parameters' numbers out

	node *graph.Node // that is being written
	last string      // what the last operator made
}

func export(m *graph.Model) (*schema.Model, error) {
	e, err := exported(m, false)
	if err != nil {
		return nil, err
	}
	file := &schema.Model{
		IRVersion: irVersions[e.opset], Opsets: []schema.Opset{{Version: e.opset}}, ProducerName: "convgraph",
		Graph: e.graph,
	}
	spec, err := json.Marshal(m.Spec())
	if err != nil {
		return nil, err
	}
	file.Metadata = []schema.Entry{{Key: specKey, Value: string(spec)}}
	if m.Spec().ClassNames != nil {
		if err := addMetadata(file, "class_names", m.Spec().ClassNames); err != nil {
			return nil, err
		}
	}
	if m.Spec().Preprocess != nil {
		if err := addMetadata(file, "preprocess", m.Spec().Preprocess); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// addMetadata adds an entry for other programs, as JSON.
func addMetadata(file *schema.Model, key string, value any) error {
	text, err := json.Marshal(value)
	file.Metadata = append(file.Metadata, schema.Entry{Key: key, Value: string(text)})
	return err
}

// exported is the model as a graph; an outline has the parameters' shapes without their numbers.
func exported(m *graph.Model, outline bool) (*exporter, error) {
	e := &exporter{
		element: schema.Float32, opset: leastOpset, values: map[*graph.Node]string{}, parameters: map[string]bool{},
		outline: outline,
	}
	if m.Dtype() == tensor.Float64 {
		e.element = schema.Float64
	}
	spec := m.Spec()
	e.graph.Name = spec.Name
	e.graph.Inputs = []schema.ValueInfo{e.info(valueInput, spec.Input)}
	for i, n := range m.Nodes() {
		for _, in := range n.Inputs {
			if in.IsInput() {
				e.values[in] = valueInput
			}
		}
		if err := e.layer(m, n); err != nil {
			return nil, fmt.Errorf("layer %d %q: %w", i+1, n.Name, err)
		}
	}
	e.outputs(m)
	return e, nil
}

// layer adds a layer's operators. The last one computes its value.
func (e *exporter) layer(m *graph.Model, n *graph.Node) error {
	write := writers[graph.Kind(n.Layer)]
	if write == nil {
		return fmt.Errorf("a layer of type %T has no ONNX operator", n.Layer)
	}
	e.node, e.last = n, ""
	if err := write(e, n); err != nil {
		return err
	}
	name := valueName(m, n)
	if e.last == e.x() { // nothing is done: the value needs a name of its own
		e.op("Identity", e.x())
	}
	e.graph.Nodes[len(e.graph.Nodes)-1].Outputs[0] = name
	e.graph.Nodes[len(e.graph.Nodes)-1].Name = n.Name
	e.values[n] = name
	return nil
}

// valueName returns the public name of a node's value.
func valueName(m *graph.Model, n *graph.Node) string {
	output, logits := m.Output(), m.LogitsNode()
	_, softmax := output.Layer.(graph.Softmax)
	switch {
	case n == output && (softmax || logits != output):
		return softmaxName
	case n == output:
		return outputName
	case n == logits:
		return logitsName
	}
	return n.Name + ".out"
}

// outputs declares the graph's outputs.
func (e *exporter) outputs(m *graph.Model) {
	if logits := m.LogitsNode(); logits != m.Output() && !logits.IsInput() {
		e.graph.Outputs = append(e.graph.Outputs, e.info(logitsName, logits.Shape))
	}
	e.graph.Outputs = append(e.graph.Outputs, e.info(valueName(m, m.Output()), m.Output().Shape))
}

// x returns the first value that the layer reads.
func (e *exporter) x() string { return e.input(0) }

func (e *exporter) input(i int) string { return e.values[e.node.Inputs[i]] }

// op adds an operator and returns the name of its output.
func (e *exporter) op(name string, inputs ...string) string { return e.opWith(name, inputs) }

func (e *exporter) opWith(name string, inputs []string, attributes ...schema.Attribute) string {
	made := fmt.Sprintf("%s.%d", e.node.Name, len(e.graph.Nodes))
	e.graph.Nodes = append(e.graph.Nodes,
		schema.Node{Name: made, Op: name, Inputs: inputs, Outputs: []string{made}, Attributes: attributes})
	e.last = made
	return made
}

// need raises the operator set to the one that introduced an operator.
func (e *exporter) need(opset int64) { e.opset = max(e.opset, opset) }

// parameter returns the layer's parameter as an initializer, or "" if the layer has none of that
// name.
func (e *exporter) parameter(name string) (string, error) {
	p := e.node.Param(name)
	if p == nil {
		return "", nil
	}
	if e.parameters[p.Name] {
		return p.Name, nil
	}
	t := schema.Tensor{Name: p.Name, Type: e.element, Dims: dims64(p.Shape)}
	if !e.outline {
		var err error
		if t, err = schema.NewTensor(p.Name, p.Value); err != nil {
			return "", err
		}
	}
	e.parameters[p.Name] = true
	e.graph.Initializers = append(e.graph.Initializers, t)
	return p.Name, nil
}

// params returns several of the layer's parameters, without those it doesn't have.
func (e *exporter) params(names ...string) (found []string, err error) {
	for _, name := range names {
		p, err := e.parameter(name)
		if err != nil {
			return nil, err
		}
		if p != "" {
			found = append(found, p)
		}
	}
	return found, nil
}

// floats returns a constant of the model's element type.
func (e *exporter) floats(shape []int, values ...float64) string {
	t := schema.Tensor{Name: e.constantName(), Type: e.element, Dims: dims64(shape), Raw: []byte{}}
	if e.element == schema.Float64 {
		t.Raw, t.Doubles = nil, slices.Clone(values)
	} else {
		t.Raw = nil
		for _, v := range values {
			t.Floats = append(t.Floats, float32(v))
		}
	}
	e.graph.Initializers = append(e.graph.Initializers, t)
	return t.Name
}

// ints returns a constant list of integers.
func (e *exporter) ints(values ...int) string {
	t := schema.Tensor{Name: e.constantName(), Type: schema.Int64, Dims: []int64{int64(len(values))},
		Int64s: dims64(values)}
	e.graph.Initializers = append(e.graph.Initializers, t)
	return t.Name
}

func (e *exporter) constantName() string {
	return fmt.Sprintf("%s.constant%d", e.node.Name, len(e.graph.Initializers))
}

func dims64(list []int) []int64 {
	out := make([]int64, len(list))
	for i, n := range list {
		out[i] = int64(n)
	}
	return out
}

// reshape gives each sample of a value a shape.
func (e *exporter) reshape(x string, shape ...int) string {
	return e.op("Reshape", x, e.ints(append([]int{0}, shape...)...))
}

// transpose puts the axes of each sample in an order.
func (e *exporter) transpose(x string, order ...int) string {
	perm := []int{0}
	for _, axis := range order {
		perm = append(perm, axis+1)
	}
	return e.opWith("Transpose", []string{x}, intsAttribute("perm", perm...))
}

// info declares a value of the given shape, the batch left open.
func (e *exporter) info(name string, shape tensor.Shape) schema.ValueInfo {
	v := schema.ValueInfo{Name: name, Type: e.element, HasShape: true, Shape: []schema.Dim{{Param: batchParam}}}
	for _, n := range shape {
		v.Shape = append(v.Shape, schema.Dim{Size: int64(n)})
	}
	return v
}

func intAttribute(name string, v int64) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Int, Int: v}
}

func floatAttribute(name string, v float64) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Float, Float: float32(v)}
}

func textAttribute(name, v string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.String, String: v}
}

func intsAttribute(name string, values ...int) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Ints, Ints: dims64(values)}
}
