package main

import "convgraph/graph"

// mostRows is the number of layers up to which an overview shows them one by one.
const mostRows = 40

// overviewNodes selects the layers for an overview: those that change their input. If there are too
// many, it leaves out those that only a normalization or an activation reads, and if there are
// still too many, all of a block but its output.
func overviewNodes(m *graph.Model) map[*graph.Node]bool {
	shown := changing(m)
	if len(shown) <= mostRows {
		return shown
	}
	block := blockNames(m.Nodes())
	for n := range shown {
		if readers := n.Readers(); len(readers) == 1 && refines(readers[0]) && block(readers[0].Name) == block(n.Name) {
			delete(shown, n)
		}
	}
	if len(shown) <= mostRows {
		return shown
	}
	for n := range shown {
		if block(n.Name) != "" && !leaves(n, block) {
			delete(shown, n)
		}
	}
	return shown
}

// changing returns the layers that change their input's values, without those that only turn the
// logits into probabilities.
func changing(m *graph.Model) map[*graph.Node]bool {
	nodes := map[*graph.Node]bool{}
	for _, n := range m.Nodes() {
		switch n.Layer.(type) {
		case graph.Dropout, graph.Dropout2D, graph.StochasticDepth, graph.Flatten, graph.Softmax:
			continue
		}
		if n == m.Output() && m.LogitsNode() != n {
			continue
		}
		nodes[n] = true
	}
	return nodes
}

// refines reports whether a layer works on each map separately.
func refines(n *graph.Node) bool {
	switch n.Layer.(type) {
	case graph.ActivationFunction, graph.PReLU, graph.BatchNorm, graph.GroupNorm, graph.LayerNorm, graph.LRN:
		return true
	}
	return false
}

// leaves reports whether the node is an output of its block: a layer outside the block reads it, or
// none does.
func leaves(n *graph.Node, block func(string) string) bool {
	readers := n.Readers()
	for _, r := range readers {
		if block(r.Name) != block(n.Name) {
			return true
		}
	}
	return len(readers) == 0
}
