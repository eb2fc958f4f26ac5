package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A Description is a model's symbolic graph as data, for pictures and for the curious. Every node comes after those it reads.
type Description struct {
	Model string
	Nodes []Node
}

// A Node is one value of a symbolic graph.
type Node struct {
	ID     int
	Label  string // the op, the parameter's name, "x" or "t"
	Detail string // the op's attributes
	Kind   NodeKind
	Layer  string // empty for what belongs to no layer: the input, the target
	Shape  tensor.Shape
	Inputs []int // IDs of the nodes it reads, in order
}

// NodeKind says what part a node plays.
type NodeKind string

// The kinds of nodes.
const (
	InputNode     NodeKind = "input"
	ParameterNode NodeKind = "parameter"
	OpNode        NodeKind = "op"
	GradientNode  NodeKind = "gradient"
)

// Describe lowers the model for batches of the given size and describes the graph: up to the probabilities, or with gradients from the
// loss back to every parameter. It is the graph of the layers as they are declared, before any pass.
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
	outputs, err := net.describedOutputs(m, gradients)
	if err != nil {
		return nil, err
	}
	d := newDescriber(net, m)
	for i, n := range outputs {
		id := d.add(n)
		if i > 0 {
			d.description.Nodes[id].Detail = "for " + m.params[i-1].Name
		}
	}
	return d.description, nil
}

func (net *network) describedOutputs(m *Model, gradients bool) (G.Nodes, error) {
	if !gradients {
		err := net.addProbabilities(m)
		return G.Nodes{net.output()}, err
	}
	if err := net.addLoss(m); err != nil {
		return nil, err
	}
	grads, err := G.Grad(net.loss, net.params...)
	return append(G.Nodes{net.loss}, grads...), err
}

// opLayers maps each forward op's ID to its layer's name.
func (net *network) opLayers(m *Model) map[uint64]string {
	layers := map[uint64]string{}
	var claim func(n *G.Node, layer string)
	claim = func(n *G.Node, layer string) {
		info, ours := ops.Describe(n.Op())
		if n.Op() == nil || !ours || layers[info.ID] != "" {
			return
		}
		layers[info.ID] = layer
		for _, c := range children(n) {
			claim(c, layer)
		}
	}
	for i, n := range net.layers {
		if n != nil {
			claim(n, m.stages[i].name)
		}
	}
	if net.loss != nil {
		claim(net.loss, m.stages[len(m.stages)-1].name)
	}
	return layers
}

type describer struct {
	ids         map[*G.Node]int
	layers      map[uint64]string  // of forward ops, by ID
	parameters  map[*G.Node]string // the layers they belong to
	description *Description
}

func newDescriber(net *network, m *Model) *describer {
	d := &describer{
		ids: map[*G.Node]int{}, layers: net.opLayers(m), parameters: map[*G.Node]string{},
		description: &Description{Model: m.spec.Name},
	}
	params := net.params
	for _, s := range m.stages {
		for range s.parameters {
			d.parameters[params[0]] = s.name
			params = params[1:]
		}
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
	node := Node{ID: len(d.description.Nodes), Shape: n.Shape(), Inputs: inputs, Label: n.Name(), Kind: InputNode}
	d.classify(&node, n)
	d.ids[n] = node.ID
	d.description.Nodes = append(d.description.Nodes, node)
	return node.ID
}

func (d *describer) classify(node *Node, n *G.Node) {
	if layer, ok := d.parameters[n]; ok {
		node.Kind, node.Layer = ParameterNode, layer
		return
	}
	if n.Op() == nil {
		return
	}
	info, ours := ops.Describe(n.Op())
	if !ours {
		node.Kind, node.Label = OpNode, fmt.Sprint(n.Op())
		return
	}
	node.Kind, node.Label, node.Detail, node.Layer = OpNode, info.Name, info.Attributes, d.layers[info.ID]
	if info.GradientOf != 0 {
		node.Kind, node.Layer = GradientNode, d.layers[info.GradientOf]
	}
}

// children are the nodes that n reads, in order.
func children(n *G.Node) G.Nodes {
	if n.Op() == nil {
		return nil
	}
	var nodes G.Nodes
	from := n.Graph().From(n.ID())
	for from.Next() {
		nodes = append(nodes, from.Node().(*G.Node))
	}
	return nodes
}
