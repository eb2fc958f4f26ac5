package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// A form is a scalar function F of tensors, its slots, that is linear in each of them. It defines
// an op for each slot i: ∂F/∂x[i], as a function of the other slots. The gradients of these ops are
// again these ops: because F is linear in x[i],
//
//	⟨u, ∂F/∂x[i]⟩ = F with u in slot i
//
// so the gradient of op i with respect to x[j] is op j, with u in slot i. The convolution is F(x,
// w, dy) = ⟨dy, x∗w⟩: op 2 is the convolution, and ops 0 and 1 are its gradients. A linear map A is
// F(x, dy) = ⟨dy, A·x⟩: op 1 is A, and op 0 is its transpose.
//
// F may also depend on further values, the context, in any way.
type form[T kernel.Float] struct {
	name     string
	slots    []tensor.Shape
	partials []partial[T] // one for each slot
	curved   bool         // F's derivative with respect to the context isn't 0; it isn't declared
}

// A partial overwrites out with ∂F/∂x[i]. x[i] itself is nil.
type partial[T kernel.Float] func(x, context [][]T, out []T) error

// linear is the form ⟨y, A·x⟩ of x and y of the given shapes. forward overwrites out with A·v,
// transposed with Aᵀ·v.
func linear[T kernel.Float](
	name string, x, y tensor.Shape, forward, transposed func(context [][]T, v, out []T) error,
) form[T] {
	return form[T]{name: name, slots: []tensor.Shape{x, y}, partials: []partial[T]{
		func(x, context [][]T, out []T) error { return transposed(context, x[1], out) },
		func(x, context [][]T, out []T) error { return forward(context, x[0], out) },
	}}
}

// symmetric is linear with a symmetric A.
func symmetric[T kernel.Float](name string, shape tensor.Shape, forward func(context [][]T, v, out []T) error) form[T] {
	return linear(name, shape, shape, forward, forward)
}

// transposed is the gradient of the input x of y = A·x, where A depends on no other input: forward
// overwrites out with A·v, transposed with Aᵀ·v.
func transposed[T kernel.Float](name string, x, y tensor.Shape, forward, transposed func(v, out []T)) vjp[T] {
	f := linear(name, x, y,
		func(_ [][]T, v, out []T) error { forward(v, out); return nil },
		func(_ [][]T, v, out []T) error { transposed(v, out); return nil })
	return vjp[T]{apply: func(_ [][]T, dy, dx []T) error { transposed(dy, dx); return nil }, second: f.second(0, 1)}
}

// multiplied is transposed with a diagonal A, which is its own transpose.
func multiplied[T kernel.Float](name string, x tensor.Shape, forward func(v, out []T)) vjp[T] {
	v := transposed(name, x, x, forward, forward)
	v.inPlace = true
	return v
}

// unchanged is the gradient of an input that has the result's elements, in the same order.
func unchanged[T kernel.Float](name string, x, y tensor.Shape) vjp[T] {
	copied := func(v, out []T) { move(out, v) }
	v := transposed(name, x, y, copied, copied)
	v.view = true
	return v
}

// second is the rule of a gradient that computes op i of the form. Slot dout is the incoming
// gradient. The gradient's reads are the given slots, then the context.
func (f form[T]) second(i, dout int, reads ...int) second {
	operands := func(n around) formNodes {
		at := formNodes{make(G.Nodes, len(f.slots)), n.saved[len(reads):], n.after}
		at.slots[i], at.slots[dout] = n.u, n.dout
		for k, slot := range reads {
			at.slots[slot] = n.saved[k]
		}
		return at
	}
	s := second{transposed: func(n around) (*G.Node, error) { return f.node(dout, operands(n)) }}
	for k, slot := range reads {
		s.bends = append(s.bends, bend{k, func(n around) (*G.Node, error) { return f.node(slot, operands(n)) }})
	}
	return s
}

// formNodes are the operands of a form's op. The op doesn't read after; it only runs after it.
type formNodes struct{ slots, context, after G.Nodes }

// node adds op i to the graph.
func (f form[T]) node(i int, at formNodes) (*G.Node, error) {
	var inputs G.Nodes
	var slots []int // of the inputs
	for j, n := range at.slots {
		if j != i {
			inputs, slots = append(inputs, n), append(slots, j)
		}
	}
	inputs = append(append(inputs, at.context...), at.after...)
	return applyRule("d"+f.name, f.rule(i, slots, len(at.context), len(at.after)), inputs)
}

// of adds op i without context to the graph: at[i] is nil.
func (f form[T]) of(i int, at ...*G.Node) (*G.Node, error) { return f.node(i, formNodes{slots: at}) }

// rule is op i as a rule. Its inputs are the other slots, the context, and the nodes it runs after.
func (f form[T]) rule(i int, slots []int, context, after int) rule[T] {
	x, read := make([][]T, len(f.slots)), len(slots)+context
	r := rule[T]{
		output: f.slots[i],
		after:  after,
		forward: func(in [][]T, out []T) error {
			clear(x)
			for k, slot := range slots {
				x[slot] = in[k]
			}
			return f.partials[i](x, in[len(slots):read], out)
		},
	}
	for k := range slots {
		r.vjps = append(r.vjps, f.vjp(i, k, slots, context, after))
	}
	for range context {
		r.vjps = append(r.vjps, vjp[T]{undeclared: f.curved})
	}
	r.vjps = append(r.vjps, make([]vjp[T], after)...)
	return r
}

// vjp is the gradient of input k of op i: the op of that input's slot.
func (f form[T]) vjp(i, k int, slots []int, context, after int) vjp[T] {
	var v vjp[T]
	var others []int
	for input, slot := range slots {
		if input != k {
			v.reads, others = append(v.reads, operand(input)), append(others, slot)
		}
	}
	for c := range context {
		v.reads = append(v.reads, operand(len(slots)+c))
	}
	for a := range after {
		v.after = append(v.after, operand(len(slots)+context+a))
	}
	x := make([][]T, len(f.slots))
	v.apply = func(saved [][]T, dout, din []T) error {
		clear(x)
		for at, slot := range others {
			x[slot] = saved[at]
		}
		x[i] = dout
		return f.partials[slots[k]](x, saved[len(others):], din)
	}
	v.second = f.second(slots[k], i, others...)
	return v
}
