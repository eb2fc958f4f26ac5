package graph

import (
	"cmp"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// sumForks replaces the additions that gorgonia's Grad inserts where the gradients of a value with
// several readers meet. Gorgonia's op allocates its result in every run and isn't in the memory
// plan; [ops.Add] has a slot in the arena. It adds in the order of the readers, so that the bits of
// the sum don't depend on the passes. The nodes that the differentiated ones are computed from
// don't change.
func sumForks(of, grads G.Nodes) (G.Nodes, error) {
	rebuilt := map[*G.Node]*G.Node{}
	for _, n := range of {
		keep(n, rebuilt)
	}
	var rebuild func(n *G.Node) (*G.Node, error)
	rebuild = func(n *G.Node) (_ *G.Node, err error) {
		if done, ok := rebuilt[n]; ok {
			return done, nil
		}
		operands, changed := children(n), false
		if isForkSum(n) {
			operands, changed = terms(n), true
		}
		for i, c := range operands {
			if operands[i], err = rebuild(c); err != nil {
				return nil, err
			}
			changed = changed || operands[i] != c
		}
		result := n
		switch {
		case !changed:
		case isForkSum(n):
			result, err = ops.Add(operands...)
		default:
			result, err = G.ApplyOp(n.Op(), operands...)
		}
		rebuilt[n] = result
		return result, err
	}
	return inOrder(grads, rebuild)
}

// inOrder rebuilds gradients in the order in which they were made, from the loss backwards. Among
// the ops that are ready the tape runs the oldest first. So the gradients of a layer run before
// those of the layers it reads, and its activations can be freed early.
func inOrder(grads G.Nodes, rebuild func(*G.Node) (*G.Node, error)) (G.Nodes, error) {
	order := make([]int, len(grads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(grads[a].ID(), grads[b].ID()) })
	rebuilt := make(G.Nodes, len(grads))
	for _, i := range order {
		var err error
		if rebuilt[i], err = rebuild(grads[i]); err != nil {
			return nil, err
		}
	}
	return rebuilt, nil
}

// isForkSum reports whether a node is gorgonia's own addition.
func isForkSum(n *G.Node) bool {
	if n.Op() == nil {
		return false
	}
	_, ours := ops.Describe(n.Op())
	return !ours && n.Op().Arity() == 2 && fmt.Sprint(n.Op())[0] == '+'
}

// terms returns the terms of a chain of additions, (a + b) + c: the gradients from a value's
// readers, in the order in which the readers were lowered.
func terms(sum *G.Node) G.Nodes {
	var terms G.Nodes
	for isForkSum(sum) {
		operands := children(sum)
		terms = append(terms, operands[1])
		sum = operands[0]
	}
	terms = append(terms, sum)
	slices.Reverse(terms)
	slices.SortStableFunc(terms, func(a, b *G.Node) int { return cmp.Compare(readerOf(a), readerOf(b)) })
	return terms
}

// readerOf returns the ID of the forward op that a gradient belongs to. IDs increase in the order
// of lowering.
func readerOf(gradient *G.Node) uint64 {
	info, _ := ops.Describe(gradient.Op())
	return info.GradientOf
}
