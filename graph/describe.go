package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A Description is a model's symbolic graph as data. Every node comes after those it reads.
type Description struct {
	Model string
	Nodes []Value
}

// A Value is one node of a symbolic graph: an input, a parameter, or the result of an op.
type Value struct {
	ID     int
	Label  string // the op, the parameter's name, "x" or "t"
	Detail string // the op's attributes
	Kind   ValueKind
	Layer  string // empty for the input, the target and other nodes of no layer
	Shape  tensor.Shape
	Inputs []int // IDs of the nodes it reads, in order
}

// A ValueKind is the role of a value.
type ValueKind string

// The kinds of values.
const (
	InputValue     ValueKind = "input"
	ParameterValue ValueKind = "parameter"
	OpValue        ValueKind = "op"
	GradientValue  ValueKind = "gradient"
)

// Describe lowers the model for batches of the given size and describes the graph: up to the
// probabilities, or with the gradients from the loss back to every parameter. It is the graph of
// the layers as declared, without passes.
func (m *Model) Describe(batch int, gradients bool) (*Description, error) {
	if err := m.checkBatch(batch); err != nil {
		return nil, err
	}
	building.Lock()
	defer building.Unlock()

	net, err := m.lower(batch, lowering{training: gradients})
	if err != nil {
		return nil, err
	}
	outputs, err := net.describedOutputs(gradients)
	if err != nil {
		return nil, err
	}
	d := newDescriber(net)
	for i, n := range outputs {
		id := d.add(n)
		if i > 0 {
			d.description.Nodes[id].Detail = "for " + net.trained[i-1].Name
		}
	}
	return d.description, nil
}

func (s *symbolic) describedOutputs(gradients bool) (G.Nodes, error) {
	if !gradients {
		err := s.addProbabilities()
		return G.Nodes{s.output()}, err
	}
	if err := s.addLoss(); err != nil {
		return nil, err
	}
	err := s.differentiate(false)
	return append(G.Nodes{s.loss}, s.grads...), err
}

// opLayers maps each forward op's ID to its layer's name.
func (s *symbolic) opLayers() map[uint64]string {
	owners := s.layerOps()
	last := s.model.head.output.Name
	for _, n := range []*G.Node{s.probabilities, s.loss} {
		if n != nil {
			owners.claim(n, last)
		}
	}
	return owners
}

type describer struct {
	ids         map[*G.Node]int
	layers      map[uint64]string  // of forward ops, by ID
	parameters  map[*G.Node]string // the layers they belong to
	description *Description
}

func newDescriber(s *symbolic) *describer {
	d := &describer{
		ids: map[*G.Node]int{}, layers: s.opLayers(), parameters: map[*G.Node]string{},
		description: &Description{Model: s.model.spec.Name},
	}
	for p, node := range s.params {
		d.parameters[node] = p.Node()
	}
	return d
}

func (d *describer) add(n *G.Node) int {
	if id, done := d.ids[n]; done {
		return id
	}
	var inputs []int
	for _, c := range children(n) {
		inputs = append(inputs, d.add(c))
	}
	node := Value{ID: len(d.description.Nodes), Shape: n.Shape(), Inputs: inputs, Label: n.Name(), Kind: InputValue}
	d.classify(&node, n)
	d.ids[n] = node.ID
	d.description.Nodes = append(d.description.Nodes, node)
	return node.ID
}

func (d *describer) classify(node *Value, n *G.Node) {
	if layer, ok := d.parameters[n]; ok {
		node.Kind, node.Layer = ParameterValue, layer
		return
	}
	if n.Op() == nil {
		return
	}
	info, ours := ops.Describe(n.Op())
	if !ours {
		node.Kind, node.Label = OpValue, fmt.Sprint(n.Op())
		return
	}
	node.Kind, node.Label, node.Detail, node.Layer = OpValue, info.Name, info.Attributes, d.layers[info.ID]
	switch {
	case info.GradientOf != 0:
		node.Kind, node.Layer = GradientValue, d.layers[info.GradientOf]
		d.claimSums(node)
	case node.Layer == "": // of no layer: the sum of the gradients of a value with several readers
		node.Kind = GradientValue
	}
}

// claimSums gives a sum of gradients to the layer of the gradient that reads it.
func (d *describer) claimSums(gradient *Value) {
	for _, id := range gradient.Inputs {
		if in := &d.description.Nodes[id]; in.Kind == GradientValue && in.Layer == "" {
			in.Layer = gradient.Layer
		}
	}
}
