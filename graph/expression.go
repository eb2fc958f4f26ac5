package graph

import (
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"
)

// building serializes the construction of gorgonia graphs, which share a node pool and a type
// checker.
var building sync.Mutex

// keep maps a node, and all that it is computed from, to themselves.
func keep(n *G.Node, kept map[*G.Node]*G.Node) {
	if kept[n] != nil {
		return
	}
	kept[n] = n
	for _, c := range children(n) {
		keep(c, kept)
	}
}

// children returns the nodes that n reads, in order.
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

// tapeOrder returns the ops of a compiled graph in the order in which the tape machine runs them:
// gorgonia's compiler sorts them the same way.
func tapeOrder(compiled *G.ExprGraph) (G.Nodes, error) {
	sorted, err := G.Sort(compiled)
	if err != nil {
		return nil, err
	}
	slices.Reverse(sorted)
	return slices.DeleteFunc(sorted, func(n *G.Node) bool { return n.Op() == nil }), nil
}
