package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// The operator sets that are read.
const (
	minOpset = 6
	maxOpset = 28
)

// Layers may share a parameter. All parameters take at most freeBytes plus sharing times the file's
// size. Parameters that are one number again and again take next to nothing in a file; they have at
// most maxFilled elements in all.
const (
	freeBytes = 1 << 22
	sharing   = 4
	maxFilled = 1 << 28
)

// An importer turns the nodes of a file into layers.
type importer struct {
	reader  Reader
	opset   int64
	picture tensor.Shape
	double  bool  // the input is float64
	batch   int64 // the input's first size, if it is fixed
	whole   bool  // the batch is a part of the one image
	budget  int   // bytes of constants and parameters still allowed
	fill    int   // elements of parameters of one number still allowed

	constants map[string]*constant
	values    map[string]*value
	sequences map[string]*sequence
	uses      map[string]int // how often a value is read
	nodes     []schema.Node  // of the graph, with functions put in their places
	steps     []step
	settled   map[*expression]int // the steps that expressions became

	inner   int  // nodes of branches and loops, items of sequences
	rounds  int  // of loops
	outputs int  // elements of the output
	nothing bool // an operator was left out that changes its input

	unsupported []error // of nodes, in their order
}

// A value is the output of a node for each image: an output of a layer, in a layout, with an
// expression that isn't a layer yet.
type value struct {
	source int // the step; inputStep is the network's input
	layout
	expr   *expression
	single bool // nothing else reads the step's output, as far as is known

	form    *form // a part of a normalization that is spelled out
	pending error // why the value can't be computed by itself
	broken  []int // indices of unsupported nodes that it depends on

	constant *constant // of no numbers: it doesn't depend on the images
}

const inputStep = -1

// with returns the value with another expression of the same layer's output.
func (v value) with(e *expression) value {
	v.expr, v.form = e, nil
	return v
}

// A step is a layer with the steps it reads and its parameters.
type step struct {
	layer  graph.Layer
	inputs []int
	params map[string]*tensor.Dense
	shape  tensor.Shape
	name   string          // from its weight's: "conv1" of conv1.weight
	open   map[string]bool // parameters that a following node may still set
}

// imported makes a model of a file of size bytes.
func imported(file *schema.Model, size int, r Reader, options []graph.Option) (*graph.Model, error) {
	if m, err := described(file, options); m != nil || err != nil {
		return m, err
	}
	m, err := importedAs(file, size, r, options, false)
	if err == nil || r.ChannelsFirst {
		return m, err
	}
	whole, wholeErr := importedAs(file, size, r, options, true)
	if wholeErr == nil || errors.Is(err, errDimensions) {
		return whole, wholeErr
	}
	return nil, err
}

// importedAs returns the model of a file. A file is read as one for any batch size, even if its
// batch is fixed. If that isn't possible because a node moves or mixes images, the whole batch
// becomes one image of the network.
func importedAs(file *schema.Model, size int, r Reader, options []graph.Option, whole bool) (*graph.Model, error) {
	im, err := newImporter(file, size, r)
	if err != nil {
		return nil, err
	}
	im.whole = whole
	input, err := im.input(file.Graph.Inputs)
	if err != nil {
		return nil, err
	}
	for i := range im.nodes {
		if err := im.take(&im.nodes[i]); err != nil {
			return nil, err
		}
	}
	end, err := im.output(file.Graph.Outputs)
	if err != nil {
		return nil, err
	}
	return im.model(file, input, end, options)
}

func newImporter(file *schema.Model, size int, r Reader) (*importer, error) {
	g := &file.Graph
	if g.Sparse > 0 {
		return nil, fmt.Errorf("the model has %d sparse initializers: that is not supported", g.Sparse)
	}
	im := &importer{
		reader: r, budget: freeBytes + sharing*size, fill: maxFilled, settled: map[*expression]int{},
		constants: map[string]*constant{}, values: map[string]*value{}, sequences: map[string]*sequence{},
		uses: map[string]int{},
	}
	for _, o := range file.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			im.opset = o.Version
		}
	}
	if im.opset < minOpset || im.opset > maxOpset {
		return nil, fmt.Errorf("operator set %d is not supported: want %d to %d", im.opset, minOpset, maxOpset)
	}
	for i := range g.Initializers {
		t := &g.Initializers[i]
		if im.constants[t.Name] != nil {
			return nil, fmt.Errorf("got two initializers called %q", t.Name)
		}
		c, err := im.stored(t)
		if err != nil {
			return nil, err
		}
		if t.External {
			im.budget += sharing * 4 * c.count() // checked against the file's size when it is read
		}
		im.constants[t.Name] = c
	}
	var err error
	if im.nodes, err = inlined(file, im.opset); err != nil {
		return nil, err
	}
	im.countUses(im.nodes, g.Outputs)
	return im, nil
}

func (im *importer) countUses(nodes []schema.Node, outputs []schema.ValueInfo) {
	for _, n := range nodes {
		for _, name := range n.Inputs {
			im.uses[name]++
		}
		for _, a := range n.Attributes {
			if a.Graph != nil {
				im.countUses(a.Graph.Nodes, a.Graph.Outputs)
			}
		}
	}
	for _, v := range outputs {
		im.uses[v.Name]++
	}
}

// describe returns how errors name a node; many exporters leave its name empty.
func describe(n *schema.Node) string {
	switch {
	case n.Name != "":
		return fmt.Sprintf("node %q (%s)", n.Name, n.Op)
	case len(n.Outputs) > 0:
		return fmt.Sprintf("the %s node that makes %q", n.Op, n.Outputs[0])
	}
	return fmt.Sprintf("a %s node without outputs", n.Op)
}

// take turns a node into constants or layers. Unsupported nodes are collected, so that the error
// names all that the output depends on.
func (im *importer) take(n *schema.Node) error {
	c, broken, err := im.call(n)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(n), err)
	}
	if c == nil { // it reads what couldn't be made
		if !isKnown(n.Op) || n.Domain != "" && n.Domain != "ai.onnx" {
			broken = append(broken, im.refuse(n, unsupportedOperator(n)))
		}
		im.breakOutputs(n, broken)
		return nil
	}
	err = im.convert(c)
	if attributes := c.attributes.done(); attributes != nil && (err == nil || c.attributes.err != nil) {
		err = attributes // a bad attribute says more than what came of it
	}
	if err != nil {
		im.breakOutputs(n, []int{im.refuse(n, err)})
	}
	return nil
}

func unsupportedOperator(n *schema.Node) error {
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return fmt.Errorf("operator of the domain %q is not supported", n.Domain)
	}
	return fmt.Errorf("operator %q is not supported", n.Op)
}

func isKnown(op string) bool {
	return operators[op] != nil || folds[op] != nil || sequenceOperators[op] != nil || op == "If" || op == "Loop" ||
		op == "Shape"
}

// refuse records why a node isn't supported.
func (im *importer) refuse(n *schema.Node, err error) int {
	im.unsupported = append(im.unsupported, fmt.Errorf("%s: %w", describe(n), err))
	return len(im.unsupported) - 1
}

// breakOutputs marks a node's outputs as depending on unsupported nodes.
func (im *importer) breakOutputs(n *schema.Node, broken []int) {
	slices.Sort(broken)
	for _, name := range n.Outputs {
		if name == "" {
			continue
		}
		delete(im.constants, name) // made before an attribute was found to be wrong
		delete(im.sequences, name)
		im.values[name] = &value{broken: slices.Compact(slices.Clone(broken))}
	}
}

func (im *importer) exists(name string) bool {
	return im.constants[name] != nil || im.values[name] != nil || im.sequences[name] != nil
}

// call reads a node's inputs. There is no call for a node that reads what couldn't be made; broken
// says why.
func (im *importer) call(n *schema.Node) (c *call, broken []int, err error) {
	if len(n.Outputs) == 0 || n.Outputs[0] == "" && len(n.Outputs) == 1 {
		return nil, nil, fmt.Errorf("has no output")
	}
	for _, name := range n.Outputs {
		if name != "" && im.exists(name) {
			return nil, nil, fmt.Errorf("makes %q, which already exists", name)
		}
	}
	c = &call{im: im, node: n, attributes: newAttributes(n), inputs: make([]operand, len(n.Inputs))}
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		c.inputs[i] = im.operand(name)
		if !c.has(i) {
			return nil, nil, fmt.Errorf("takes %q, which no node before it makes", name)
		}
		if v := c.inputs[i].value; v != nil {
			broken = append(broken, v.broken...)
		}
	}
	if broken != nil {
		return nil, broken, nil
	}
	return c, nil, nil
}

func (im *importer) convert(c *call) error {
	n := c.node
	if n.Domain != "" && n.Domain != "ai.onnx" {
		return unsupportedOperator(n)
	}
	switch {
	case n.Op == "If":
		return im.branch(c)
	case n.Op == "Loop":
		return im.loop(c)
	case sequenceOperators[n.Op] != nil:
		made, err := sequenceOperators[n.Op](c)
		if err != nil {
			return err
		}
		return im.give(c.output(0), made, "")
	case n.Op == "Identity" && len(c.inputs) == 1 && c.inputs[0].sequence != nil:
		return im.give(c.output(0), c.inputs[0], "")
	}
	if c.allConstant() {
		fold := folds[n.Op]
		if fold == nil {
			if operators[n.Op] != nil {
				return fmt.Errorf("of constants alone is not supported")
			}
			return unsupportedOperator(n)
		}
		made, err := fold(c)
		if err != nil {
			return err
		}
		for i, m := range made {
			if name := c.output(i); name != "" {
				im.constants[name] = m
			}
		}
		return nil
	}
	if n.Op == "Shape" {
		v := c.inputs[0].value
		made, err := c.shapeOf(v.dims())
		if err != nil {
			return err
		}
		im.constants[n.Outputs[0]] = made[0]
		return nil
	}
	operator := operators[n.Op]
	if operator == nil {
		return unsupportedOperator(n)
	}
	made, err := operator(c)
	if err != nil {
		return err
	}
	for i, v := range made {
		name := c.output(i)
		switch {
		case name == "":
		case v.constant != nil:
			im.constants[name] = v.constant
		default:
			v.single = v.single && im.uses[name] == 1
			im.values[name] = &v
		}
	}
	for i := len(made); i < len(n.Outputs); i++ {
		if name := n.Outputs[i]; name != "" {
			if im.uses[name] > 0 {
				return fmt.Errorf("its output %d, %q, is not supported", i, name)
			}
		}
	}
	return nil
}

// allConstant reports whether a node doesn't depend on the images.
func (c *call) allConstant() bool {
	return !slices.ContainsFunc(c.inputs, func(o operand) bool { return o.value != nil })
}

// add appends a layer, if its inputs fit. Parameters come by their names in the layer. The result
// has the layout of the first input if the layer keeps the shape, else its own.
func (im *importer) add(l graph.Layer, inputs []value, weight string, params ...param) (value, error) {
	s := step{layer: l, params: map[string]*tensor.Dense{}, open: map[string]bool{}, name: layerName(weight)}
	var shapes []tensor.Shape
	for _, v := range inputs {
		s.inputs = append(s.inputs, v.source)
		shapes = append(shapes, im.shapeOf(v.source))
	}
	out, err := l.Output(shapes...)
	if err != nil {
		return value{}, fmt.Errorf("for an input %v: %w", shapes[0], err)
	}
	for _, p := range params {
		if p.value != nil {
			s.params[p.name] = p.value
		}
	}
	for _, p := range l.Parameters(shapes...) {
		got := s.params[p.Name]
		if got == nil {
			return value{}, fmt.Errorf("%s is missing", p.Name)
		}
		if !got.Shape().Eq(p.Shape) {
			return value{}, fmt.Errorf("%s: got shape %v, want %v for an input %v",
				p.Name, got.Shape(), p.Shape, shapes[0])
		}
	}
	s.shape = out
	im.steps = append(im.steps, s)
	if len(im.steps) > maxSteps {
		return value{}, fmt.Errorf("more than %d layers", maxSteps)
	}
	result := value{source: len(im.steps) - 1, single: true}
	if out.Eq(inputs[0].shape) {
		result.layout = inputs[0].layout
	} else {
		result.layout = newLayout(out, im.whole)
	}
	return result, nil
}

const maxSteps = 20_000

// A param is a parameter's value under its name in the layer.
type param struct {
	name  string
	value *tensor.Dense
}

func (im *importer) shapeOf(source int) tensor.Shape {
	if source == inputStep {
		return im.picture
	}
	return im.steps[source].shape
}

// layerName returns the layer in a parameter's name: "conv1" of "conv1.weight", the form of
// PyTorch's exporters and of our own.
func layerName(weight string) string {
	name, ok := strings.CutSuffix(weight, ".weight")
	if !ok {
		return ""
	}
	return name
}
