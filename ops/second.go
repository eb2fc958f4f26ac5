package ops

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// A second is the rule of a gradient, which makes the gradient differentiable.
//
// A gradient is a function of the operands s that it reads, and a linear function of the incoming
// gradient dy:
//
//	dx = J(s)ᵀ·dy        J = ∂y/∂x
//
// Let u be the gradient of a scalar with respect to dx. Then the gradient with respect to dy is
// J·u, and the one with respect to an operand is ∂⟨u, J(s)ᵀ·dy⟩/∂s. Both are functions that add
// nodes to the graph, so they can be composed of any ops. The zero second: the gradient can't be
// differentiated.
type second struct {
	transposed nodeFunc // J·u
	bends      []bend   // for the operands that J depends on; empty if the op is linear
}

// A bend is the gradient of ⟨u, dx⟩ with respect to an operand that dx is computed from.
type bend struct {
	of   operand // one of the vjp's reads or after
	node nodeFunc
}

// A nodeFunc adds ops to a gradient's graph.
type nodeFunc func(n around) (*G.Node, error)

// around is the nodes around a gradient that is being differentiated.
type around struct {
	name              string // the gradient's: "dConv2D"
	operands[*G.Node]        // those that it reads; the others are nil
	dy, u             *G.Node
	after             G.Nodes
}

// gradient is a vjp as an op. Its children are the operands that it reads, dy, and the operands
// that it only comes after.
type gradient[T kernel.Float] struct {
	adapter[T]
	of           uint64 // the forward op's id
	inputs       int    // of the forward op
	reads, after []operand
	rule         second
	late         func()      // of the vjp, or nil
	shares       func() bool // of the vjp, or nil
}

// child returns the index of an operand among the children.
func (g *gradient[T]) child(o operand) int {
	i := slices.Index(slices.Concat(g.reads, g.after), o)
	if i >= len(g.reads) {
		i++ // dy
	}
	return i
}

// DiffWRT reports which children have a gradient.
func (g *gradient[T]) DiffWRT(children int) []bool {
	differentiable := make([]bool, children)
	differentiable[len(g.reads)] = true
	for _, b := range g.rule.bends {
		differentiable[g.child(b.of)] = true
	}
	return differentiable
}

// SymDiff adds the gradients of the gradient.
func (g *gradient[T]) SymDiff(children G.Nodes, output, u *G.Node) (G.Nodes, error) {
	if g.rule.transposed == nil {
		return nil, fmt.Errorf("%s: it has no declared gradient: its op can be differentiated once", g)
	}
	forget(output.Graph().AllNodes())
	n, grads := g.around(children, u), make(G.Nodes, len(children))
	var err error
	if grads[len(g.reads)], err = g.rule.transposed(n); err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", g, err)
	}
	for _, b := range g.rule.bends {
		if grads[g.child(b.of)], err = b.node(n); err != nil {
			return nil, fmt.Errorf("gradient of %s: %w", g, err)
		}
	}
	return grads, nil
}

func (g *gradient[T]) around(children G.Nodes, u *G.Node) around {
	dy := len(g.reads)
	n := around{name: g.name, dy: children[dy], u: u, after: children[dy+1:]}
	n.in = make(G.Nodes, g.inputs)
	n.set(g.reads, children)
	return n
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
