package onnx

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/onnx/schema"
)

// minOpset is the oldest operator set read: before 7, additions said how they
// broadcast, and Dropout and BatchNormalization whether they train.
const minOpset = 7

// Layers may share a parameter, but not so many that they take more than
// freeBytes plus sharing times the file's size.
const (
	freeBytes = 1 << 16
	sharing   = 4
)

// importer follows the chain from the graph's input, node by node.
type importer struct {
	opset     int64
	constants map[string]*schema.Tensor
	batch     int64 // the input's first dimension, if it is fixed
	budget    int   // bytes of parameters still allowed

	value  string                  // what the last node made
	passed map[string]tensor.Shape // every value of the chain
	shape  tensor.Shape            // of value, without the batch
	steps  []step

	pad   *padding // a Pad that the next node must take in
	scale float64  // a factor that a Tanh, or a layer before, must take in; 0: none
}

// step is a layer with its parameters.
type step struct {
	layer         graph.Layer
	name          string // from its weight's: "conv1" of conv1.weight
	weight, bias  *tensor.Dense
	openBias      bool // an Add may still bring the bias
	openDeviation bool // a Div may still bring a Normalize's deviation
}

// padding is a Pad node that waits for a window to fold into.
type padding struct {
	pad   graph.Pair
	value float64
	node  *schema.Node
}

// imported makes a model of a file of size bytes.
func imported(file *schema.Model, size int, options []graph.Option) (*graph.Model, error) {
	im, err := newImporter(file, size)
	if err != nil {
		return nil, err
	}
	input := im.shape
	if err := im.nodes(file.Graph.Nodes); err != nil {
		return nil, err
	}
	if err := im.finish(file.Graph.Outputs); err != nil {
		return nil, err
	}
	spec := &graph.Spec{Name: file.Graph.Name, Input: input, Layers: im.layers()}
	m, err := graph.New(spec, options...)
	if err != nil {
		return nil, err
	}
	return m, m.SetParams(im.arrays(m))
}

func (im *importer) nodes(nodes []schema.Node) error {
	for len(nodes) > 0 {
		taken, err := im.spelledOutLRN(nodes)
		if err != nil {
			return err
		}
		if taken == 0 {
			taken = 1
			if err := im.node(&nodes[0]); err != nil {
				return fmt.Errorf("%s: %w", describe(&nodes[0]), err)
			}
		}
		nodes = nodes[taken:]
	}
	return nil
}

// describe is how errors name a node; many exporters leave the name empty.
func describe(n *schema.Node) string {
	switch {
	case n.Name != "":
		return fmt.Sprintf("node %q (%s)", n.Name, n.Op)
	case len(n.Outputs) > 0:
		return fmt.Sprintf("the %s node that makes %q", n.Op, n.Outputs[0])
	}
	return fmt.Sprintf("a %s node without outputs", n.Op)
}

func newImporter(file *schema.Model, size int) (*importer, error) {
	g := &file.Graph
	if file.Functions > 0 || g.Sparse > 0 {
		return nil, fmt.Errorf("the model has %d functions and %d sparse initializers: neither is supported", file.Functions, g.Sparse)
	}
	im := &importer{constants: map[string]*schema.Tensor{}, passed: map[string]tensor.Shape{}, budget: freeBytes + sharing*size}
	for _, o := range file.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			im.opset = o.Version
		}
	}
	if im.opset < minOpset {
		return nil, fmt.Errorf("operator set %d is not supported: want %d or later", im.opset, minOpset)
	}
	for i := range g.Initializers {
		t := &g.Initializers[i]
		if _, dup := im.constants[t.Name]; dup {
			return nil, fmt.Errorf("two initializers are called %q", t.Name)
		}
		im.constants[t.Name] = t
	}
	return im, im.input(g.Inputs)
}

// input finds the one input that is not an initializer (older files list those
// as inputs too).
func (im *importer) input(inputs []schema.ValueInfo) error {
	var found []schema.ValueInfo
	var names []string
	for _, v := range inputs {
		if _, constant := im.constants[v.Name]; !constant {
			found, names = append(found, v), append(names, v.Name)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("expected one input, found %d (%s)", len(found), strings.Join(names, ", "))
	}
	v := found[0]
	switch v.Type {
	case schema.Float32, schema.Float64, schema.Float16, schema.BFloat16:
	default:
		return fmt.Errorf("input %q: expected a tensor of floats, found element type %d", v.Name, v.Type)
	}
	if !v.HasShape || len(v.Shape) != 4 && len(v.Shape) != 2 {
		return fmt.Errorf("input %q: expected the shape (N, C, H, W) or (N, features), found %d dimensions", v.Name, len(v.Shape))
	}
	for i, d := range v.Shape[1:] {
		if d.Size < 1 || d.Size > maxSize {
			return fmt.Errorf("input %q: dimension %d is %q, size %d: only the batch may be open, other sizes must be from 1 to %d", v.Name, i+1, d.Param, d.Size, maxSize)
		}
		im.shape = append(im.shape, int(d.Size))
	}
	im.batch = v.Shape[0].Size
	im.advance(v.Name)
	return nil
}

// advance makes value the end of the chain.
func (im *importer) advance(value string) {
	im.value = value
	im.passed[value] = im.shape
}

// node takes one node in: it computes a constant, or carries the chain on.
func (im *importer) node(n *schema.Node) error {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return fmt.Errorf("operator of the domain %q is not supported", n.Domain)
	}
	if len(n.Outputs) == 0 || n.Outputs[0] == "" {
		return fmt.Errorf("has no output")
	}
	if im.known(n.Outputs[0]) {
		return fmt.Errorf("makes %q, which is there already", n.Outputs[0])
	}
	a := newAttributes(n)
	err := im.convert(n, a)
	if err == nil || a.err != nil { // a bad attribute says more than what came of it
		return a.done()
	}
	return err
}

func (im *importer) known(value string) bool {
	_, constant := im.constants[value]
	_, passed := im.passed[value]
	return constant || passed
}

func (im *importer) convert(n *schema.Node, a *attributes) error {
	if _, passed := im.passed[input(n, 0)]; passed && n.Op == "Shape" {
		return im.shapeOf(n, a)
	}
	constant, err := im.checkInputs(n)
	if err != nil {
		return err
	}
	if constant {
		return im.fold(n, a)
	}
	return im.extend(n, a)
}

// checkInputs says whether every input of a node is constant; else exactly one
// must be the chain's end.
func (im *importer) checkInputs(n *schema.Node) (constant bool, err error) {
	chain := 0
	for _, name := range n.Inputs {
		_, constant := im.constants[name]
		switch {
		case name == "" || constant:
		case name == im.value:
			chain++
		case im.known(name):
			return false, fmt.Errorf("takes %q, which is not the result of the node before: only a chain of nodes is supported, no branches", name)
		default:
			return false, fmt.Errorf("takes %q, which no node before it makes", name)
		}
	}
	if chain > 1 {
		return false, fmt.Errorf("takes %q twice: only a chain of nodes is supported", im.value)
	}
	return chain == 0, nil
}

// extend carries the chain on.
func (im *importer) extend(n *schema.Node, a *attributes) error {
	convert, ok := converters[n.Op]
	if !ok {
		return fmt.Errorf("operator %q is not supported", n.Op)
	}
	if n.Inputs[0] != im.value && n.Op != "Add" && n.Op != "Mul" {
		return fmt.Errorf("takes the result of the node before as input %d: only as the first is supported", indexOf(n.Inputs, im.value))
	}
	if im.pad != nil && !windowed[n.Op] {
		return fmt.Errorf("follows a Pad (%s): only a convolution or pooling can take it in", describe(im.pad.node))
	}
	if n.Op != "Tanh" {
		if err := im.foldScale(); err != nil {
			return err
		}
	}
	if err := convert(im, n, a); err != nil {
		return err
	}
	im.advance(n.Outputs[0])
	return nil
}

func indexOf(names []string, name string) int {
	for i, s := range names {
		if s == name {
			return i
		}
	}
	return -1
}

// add appends a layer, if its input fits, and follows the shape through it.
func (im *importer) add(s step) error {
	out, err := s.layer.Output(im.shape)
	if err != nil {
		return fmt.Errorf("input %v: %w", im.shape, err)
	}
	for i, p := range s.layer.Parameters(im.shape) {
		if got := [2]*tensor.Dense{s.weight, s.bias}[i]; !got.Shape().Eq(p.Shape) {
			return fmt.Errorf("%s has shape %v: want %v for an input of %v", p.Name, got.Shape(), p.Shape, im.shape)
		}
	}
	im.steps = append(im.steps, s)
	im.shape = out
	return nil
}

// last returns the last layer, nil at the start.
func (im *importer) last() *step {
	if len(im.steps) == 0 {
		return nil
	}
	return &im.steps[len(im.steps)-1]
}

// finish checks that the graph's outputs are the chain's, and its end one of
// them. Logits get a Softmax behind them: it changes nothing of what Predict
// gives and makes the model one that can be trained.
func (im *importer) finish(outputs []schema.ValueInfo) error {
	if im.pad != nil {
		return fmt.Errorf("the graph ends in a Pad (%s) that no node takes in", describe(im.pad.node))
	}
	if err := im.foldScale(); err != nil {
		return err
	}
	ends := false
	for _, v := range outputs {
		if _, passed := im.passed[v.Name]; !passed {
			return fmt.Errorf("output %q is not made by the chain of nodes from the input", v.Name)
		}
		ends = ends || v.Name == im.value
	}
	if !ends {
		return fmt.Errorf("%q, the result of the last node, is not an output: the nodes after the last output do nothing", im.value)
	}
	last := im.last()
	if last == nil {
		return fmt.Errorf("the graph has no operator that computes anything")
	}
	if _, softmax := last.layer.(graph.Softmax); !softmax && im.shape.Dims() == 1 {
		im.steps = append(im.steps, step{layer: graph.Softmax{}})
	}
	return nil
}

// layers names the layers after their parameters if all of those have names,
// each one's own; otherwise the model numbers them.
func (im *importer) layers() []graph.Layer {
	named := im.haveNames()
	layers := make([]graph.Layer, len(im.steps))
	for i, s := range im.steps {
		switch l := s.layer.(type) {
		case graph.Conv2D:
			if named {
				l.Name = s.name
			}
			layers[i] = l
		case graph.Affine:
			if named {
				l.Name = s.name
			}
			layers[i] = l
		default:
			layers[i] = l
		}
	}
	return layers
}

func (im *importer) haveNames() bool {
	seen := map[string]bool{}
	for _, s := range im.steps {
		if s.weight == nil {
			continue
		}
		if s.name == "" || seen[s.name] {
			return false
		}
		seen[s.name] = true
	}
	return true
}

// arrays lists the parameters in the order and under the names of the model's.
func (im *importer) arrays(m *graph.Model) []formats.Array {
	params := m.Params()
	arrays := make([]formats.Array, 0, len(params))
	for _, s := range im.steps {
		if s.weight == nil {
			continue
		}
		for _, value := range []*tensor.Dense{s.weight, s.bias} {
			arrays = append(arrays, formats.Array{Name: params[len(arrays)].Name, Value: value})
		}
	}
	return arrays
}
