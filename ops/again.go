package ops

import (
	"fmt"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
)

// Again adds an op that computes node n once more, from inputs with the values of n's operands; n's
// op must be of this package. It runs after the node after, so n's result needs no memory between
// its last reader and then. State that an op stores for its gradients and random numbers are the
// same. The result has no gradient.
func Again(n *G.Node, inputs G.Nodes, after *G.Node) (*G.Node, error) {
	op, ok := n.Op().(interface {
		again(inputs G.Nodes, after *G.Node) (*G.Node, error)
	})
	if !ok {
		return nil, fmt.Errorf("Again: got %v, want a forward op of this package", n.Op())
	}
	return op.again(inputs, after)
}

func (f *function[T]) again(inputs G.Nodes, after *G.Node) (*G.Node, error) {
	if len(inputs) != f.Arity() {
		return nil, fmt.Errorf("Again: %s: got %d inputs, want %d", f, len(inputs), f.Arity())
	}
	forward, check := f.rule.forward, f.rule.check
	r := rule[T]{
		attributes: strings.TrimPrefix(f.rule.attributes+", again", ", "), output: f.rule.output,
		forward: func(in [][]T, y []T) { forward(in[:len(inputs)], y) },
		inPlace: f.rule.inPlace, alsoInPlace: f.rule.alsoInPlace, sideOutput: f.rule.sideOutput, view: f.rule.view,
		after: f.rule.after + 1, vjps: make([]vjp[T], len(inputs)+1),
	}
	if check != nil {
		r.check = func(in [][]T) error { return check(in[:len(inputs)]) }
	}
	node, err := applyRule(f.name, r, append(slices.Clone(inputs), after))
	if err != nil {
		return nil, err
	}
	node.Op().(*function[T]).repeats = f.id
	return node, nil
}

func (f *function[T]) info() Info {
	i := f.adapter.info()
	i.Repeats = f.repeats
	return i
}
