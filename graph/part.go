package graph

// UpTo returns the part of the model that the named layer is computed from, ending with that layer.
// It shares the model's parameters, and its Predict returns the layer's output.
func (m *Model) UpTo(layer string) (*Model, error) {
	last, err := m.Node(layer)
	if err != nil {
		return nil, err
	}
	spec := *m.spec
	spec.Layers, spec.Loss, spec.ClassNames = nil, MeanSquaredError, nil
	nodes := m.upTo(last)
	for i, n := range nodes[1:] {
		layer := Named(n.Layer, n.Name)
		if len(n.Inputs) != 1 || n.Inputs[0] != nodes[i] {
			layer = From(layer, n.inputNames()...)
		}
		spec.Layers = append(spec.Layers, layer)
	}
	part, err := newModel(&spec, nodes)
	if err != nil {
		return nil, err
	}
	part.dtype, part.seed, part.unfused = m.dtype, m.seed, m.unfused
	return part, nil
}

// upTo returns copies of the network's input and of the nodes that the last one is computed from.
// They share the model's parameters.
func (m *Model) upTo(last *Node) []*Node {
	needed := map[*Node]bool{m.nodes[0]: true, last: true}
	for i := len(m.nodes) - 1; i > 0; i-- {
		if n := m.nodes[i]; needed[n] {
			for _, in := range n.Inputs {
				needed[in] = true
			}
		}
	}
	copies := map[*Node]*Node{}
	var nodes []*Node
	for _, n := range m.nodes {
		if !needed[n] {
			continue
		}
		c := &Node{Name: n.Name, Layer: n.Layer, Shape: n.Shape, Parameters: n.Parameters}
		for _, in := range n.Inputs {
			c.Inputs = append(c.Inputs, copies[in])
			copies[in].readers = append(copies[in].readers, c)
		}
		copies[n] = c
		nodes = append(nodes, c)
	}
	return nodes
}
