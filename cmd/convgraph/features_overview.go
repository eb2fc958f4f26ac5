package main

import "convgraph/graph"

// mostStages is how many layers an overview shows one by one.
const mostStages = 40

// overviewNodes are the layers that an overview shows: those that change what they read; if they are
// many, without those that only the normalisation or the activation behind them reads; and if they
// still are many, of each block only what it gives.
func overviewNodes(m *graph.Model) map[*graph.Node]bool {
	shown := changing(m)
	if len(shown) <= mostStages {
		return shown
	}
	block := blockNames(m.Nodes())
	for n := range shown {
		if readers := n.Readers(); len(readers) == 1 && refines(readers[0]) && block(readers[0].Name) == block(n.Name) {
			delete(shown, n)
		}
	}
	if len(shown) <= mostStages {
		return shown
	}
	for n := range shown {
		if block(n.Name) != "" && !leaves(n, block) {
			delete(shown, n)
		}
	}
	return shown
}

// changing are the layers whose output isn't their input in another form, without those that only turn
// the logits into the answer.
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

// refines says whether a layer works on each map by itself.
func refines(n *graph.Node) bool {
	switch n.Layer.(type) {
	case graph.ActivationFunction, graph.PReLU, graph.BatchNorm, graph.GroupNorm, graph.LayerNorm, graph.LRN:
		return true
	}
	return false
}

// leaves says whether a layer of another block, or none, reads the node, or nothing does.
func leaves(n *graph.Node, block func(string) string) bool {
	readers := n.Readers()
	for _, r := range readers {
		if block(r.Name) != block(n.Name) {
			return true
		}
	}
	return len(readers) == 0
}
