package ops

import (
	"fmt"
	"reflect"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// A second is the rule of a gradient, which makes the gradient differentiable.
//
// A gradient is a function of the values s that its op saved, and a linear function of the incoming
// gradient dy:
//
//	dx = J(s)ᵀ·dy        J = ∂y/∂x
//
// Let u be the gradient of a scalar with respect to dx. Then the gradient with respect to dy is
// J·u, and the one with respect to a saved value is ∂⟨u, J(s)ᵀ·dy⟩/∂s. Both are functions that add
// nodes to the graph, so they can be composed of any ops. The zero second: the gradient can't be
// differentiated.
type second struct {
	transposed nodeFunc // J·u
	bends      []bend   // for the values that J depends on; empty if the op is linear
}

// A bend is the gradient of ⟨u, dx⟩ with respect to a node that dx is computed from.
type bend struct {
	child int // index among the gradient's children: its reads, then dy, then the nodes it runs after
	node  nodeFunc
}

// A nodeFunc adds ops to a gradient's graph.
type nodeFunc func(n around) (*G.Node, error)

// around is the nodes around a gradient that is being differentiated.
type around struct {
	saved, after G.Nodes
	dout         *G.Node // dy
	u            *G.Node
}

// with returns the second with further bends.
func (s second) with(bends ...bend) second {
	s.bends = append(s.bends[:len(s.bends):len(s.bends)], bends...)
	return s
}

// wrt reports which children of the gradient's node have a gradient.
func (s second) wrt(reads, children int) []bool {
	differentiable := make([]bool, children)
	differentiable[reads] = true
	for _, b := range s.bends {
		differentiable[b.child] = true
	}
	return differentiable
}

// gradient is a vjp as an op.
type gradient[T kernel.Float] struct {
	adapter[T]
	of    uint64 // the forward op's id
	reads int
	rule  second
	late  func() // of the vjp, or nil
}

// DiffWRT reports which children have a gradient.
func (g *gradient[T]) DiffWRT(children int) []bool { return g.rule.wrt(g.reads, children) }

// SymDiff adds the gradients of the gradient.
func (g *gradient[T]) SymDiff(children G.Nodes, output, u *G.Node) (G.Nodes, error) {
	if g.rule.transposed == nil {
		return nil, fmt.Errorf("%s: it has no declared gradient: its op can be differentiated once", g)
	}
	forget(output.Graph().AllNodes())
	n := around{saved: children[:g.reads], dout: children[g.reads], after: children[g.reads+1:], u: u}
	grads := make(G.Nodes, len(children))
	var err error
	if grads[g.reads], err = g.rule.transposed(n); err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", g, err)
	}
	for _, b := range g.rule.bends {
		if grads[b.child], err = b.node(n); err != nil {
			return nil, fmt.Errorf("gradient of %s: %w", g, err)
		}
	}
	return grads, nil
}

// forget makes gorgonia differentiate nodes again. Its Backpropagate stores each node's gradient in
// the node; when it is called again, it takes the stored gradient for the new one and stops there.
// Gorgonia has no function to clear it.
func forget(nodes G.Nodes) {
	for _, n := range nodes {
		if n.Deriv() != nil {
			*(**G.Node)(unsafe.Add(unsafe.Pointer(n), derivOffset)) = nil
		}
	}
}

var derivOffset = func() uintptr {
	field, ok := reflect.TypeFor[G.Node]().FieldByName("deriv")
	if !ok || field.Type != reflect.TypeFor[*G.Node]() {
		panic("gorgonia.Node has no field deriv, which second derivatives clear")
	}
	return field.Offset
}()
