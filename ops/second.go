package ops

import (
	"fmt"
	"reflect"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// A second is the rule of a gradient: it makes the gradient differentiable in its turn.
//
// A gradient is a function of the values s that its op saved and of what comes back, and it is
// linear in that:
//
//	dx = J(s)ᵀ·dy        J = ∂y/∂x
//
// Let u be the gradient of a scalar with respect to dx. The gradient with respect to dy is then J·u,
// and the one with respect to a saved value is ∂⟨u, J(s)ᵀ·dy⟩/∂s. Both are declared as nodes that
// are added to the graph, so that they may be made of any ops. The zero second says that the
// gradient can't be differentiated.
type second struct {
	transposed nodeFunc // J·u
	bends      []bend   // for the values that J depends on; none if the op is linear
}

// A bend is the gradient of ⟨u, dx⟩ with respect to one of the nodes that dx is computed from.
type bend struct {
	child int // of the gradient's node: first its reads, then dy, then what it comes after
	node  nodeFunc
}

// A nodeFunc adds ops to the graph that a gradient is part of.
type nodeFunc func(n around) (*G.Node, error)

// around is the nodes around a gradient that is differentiated.
type around struct {
	saved, after G.Nodes
	dout         *G.Node // dy
	u            *G.Node
}

// with is the second with further bends.
func (s second) with(bends ...bend) second {
	s.bends = append(s.bends[:len(s.bends):len(s.bends)], bends...)
	return s
}

// wrt says for which children of its node the gradient has a gradient.
func (s second) wrt(reads, children int) []bool {
	differentiable := make([]bool, children)
	differentiable[reads] = true
	for _, b := range s.bends {
		differentiable[b.child] = true
	}
	return differentiable
}

// gradient is one vjp of a rule as an op.
type gradient[T kernel.Float] struct {
	adapter[T]
	of    uint64 // the forward op's id
	reads int
	rule  second
}

// DiffWRT says with respect to which children the gradient is a smooth function.
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

// forget makes gorgonia differentiate nodes that it has differentiated before. Its Backpropagate
// notes each node's gradient in the node, and when it is called again it takes that one for the
// gradient that is asked for and goes no further. It has no function that takes the note away.
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
		panic("gorgonia.Node has no field deriv: second derivatives need another way to clear it")
	}
	return field.Offset
}()
