package ops

import (
	"slices"

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
	slots    []tensor.Shape
	partials []partial[T] // one for each slot
	context  []operand    // what the partials get of in and y, the operands of the form's vjp
	curved   bool         // F's derivative with respect to the context isn't 0; it isn't declared
}

// A partial overwrites out with ∂F/∂x[i] for the slots' values s. s[i] itself is nil.
type partial[T kernel.Float] func(s, in [][]T, y, out []T)

// bilinear are the gradients of x and w, inputs 0 and 1, of y = f(x, w), where f is linear in x and
// in w: dx overwrites the gradient of x, which depends on w and dy, and dw the one of w. Their own
// gradients are f, dx and dw again.
func bilinear[T kernel.Float](
	x, w, y tensor.Shape, f func(x, w, y []T), dx func(w, dy, dx []T), dw func(x, dy, dw []T),
) (ofX, ofW vjp[T]) {
	F := bilinearForm(x, w, y, f, dx, dw)
	ofX = vjp[T]{reads: []operand{1}, apply: func(in [][]T, _, dy, out []T) { dx(in[1], dy, out) }, second: F.second(0)}
	ofW = vjp[T]{reads: []operand{0}, apply: func(in [][]T, _, dy, out []T) { dw(in[0], dy, out) }, second: F.second(1)}
	return ofX, ofW
}

// bilinearForm is ⟨dy, f(x, w)⟩; see bilinear.
func bilinearForm[T kernel.Float](
	x, w, y tensor.Shape, f func(x, w, y []T), dx func(w, dy, dx []T), dw func(x, dy, dw []T),
) form[T] {
	return form[T]{slots: []tensor.Shape{x, w, y}, partials: []partial[T]{
		func(s, _ [][]T, _, out []T) { dx(s[1], s[2], out) },
		func(s, _ [][]T, _, out []T) { dw(s[0], s[2], out) },
		func(s, _ [][]T, _, out []T) { f(s[0], s[1], out) },
	}}
}

// linear is the form ⟨y, A·x⟩ of x and y of the given shapes. forward overwrites out with A·v, back
// with Aᵀ·v.
func linear[T kernel.Float](x, y tensor.Shape, forward, back func(v, out []T)) form[T] {
	return form[T]{slots: []tensor.Shape{x, y}, partials: []partial[T]{
		func(s, _ [][]T, _, out []T) { back(s[1], out) },
		func(s, _ [][]T, _, out []T) { forward(s[0], out) },
	}}
}

// transposed is the gradient of the input x of y = A·x, where A depends on no other input: forward
// overwrites out with A·v, back with Aᵀ·v.
func transposed[T kernel.Float](x, y tensor.Shape, forward, back func(v, out []T)) vjp[T] {
	return vjp[T]{
		apply:  func(_ [][]T, _, dy, dx []T) { back(dy, dx) },
		second: linear(x, y, forward, back).second(0),
	}
}

// multiplied is transposed with a diagonal A, which is its own transpose.
func multiplied[T kernel.Float](x tensor.Shape, forward func(v, out []T)) vjp[T] {
	v := transposed(x, x, forward, forward)
	v.inPlace = true
	return v
}

// unchanged is the gradient of an input that has the result's elements, in the same order.
func unchanged[T kernel.Float](x, y tensor.Shape) vjp[T] {
	copied := func(v, out []T) { move(out, v) }
	v := transposed(x, y, copied, copied)
	v.view = true
	return v
}

// symmetric completes a gradient dx = J·dy with a symmetric J: J·u is the gradient itself, with u
// for dy. The bends are for the operands that J depends on, except at kinks.
func (v vjp[T]) symmetric(x tensor.Shape, bends ...bend) vjp[T] {
	f := form[T]{slots: []tensor.Shape{x, x}, context: v.reads, curved: len(bends) > 0, partials: []partial[T]{
		func(s, in [][]T, y, out []T) { v.apply(in, y, s[1], out) },
		func(s, in [][]T, y, out []T) { v.apply(in, y, s[0], out) },
	}}
	v.second = f.second(0)
	v.second.bends = bends
	return v
}

// second is the rule of a gradient that computes op i of the form. The slots are the op's inputs,
// in order, and dy, which is the last one.
func (f form[T]) second(i int) second {
	inputs := make([]operand, len(f.slots)-1)
	for slot := range inputs {
		inputs[slot] = operand(slot)
	}
	return f.secondOf(i, len(inputs), inputs, f.context)
}

// secondOf is the rule of a gradient that computes op i of the form, where dy is in the given slot
// and the other slots are the given operands. The operands of slots i and dy don't matter.
func (f form[T]) secondOf(i, dy int, slots, context []operand) second {
	op := func(computed int) nodeFunc {
		return func(n around) (*G.Node, error) {
			x := make(G.Nodes, len(f.slots))
			x[i], x[dy] = n.u, n.dy
			for slot, o := range slots {
				if slot != i && slot != dy {
					x[slot] = n.in[o]
				}
			}
			x[computed] = nil
			return f.node(n.name, x, n.get(context), n.after)
		}
	}
	s := second{transposed: op(dy)}
	for slot, o := range slots {
		if slot != i && slot != dy {
			s.bends = append(s.bends, bend{o, op(slot)})
		}
	}
	return s
}

// of adds the op of the slot that is nil to the graph. The form's context is that of n's gradient.
func (f form[T]) of(n around, x ...*G.Node) (*G.Node, error) {
	return f.node(n.name, x, n.get(f.context), n.after)
}

// node adds the op of the slot that is nil to the graph. The op doesn't read after; it only runs
// after it.
func (f form[T]) node(name string, x, context, after G.Nodes) (*G.Node, error) {
	i := slices.Index(x, nil)
	inputs := slices.Concat(x[:i], x[i+1:], context, after)
	return applyRule(name, f.rule(i, len(after)), inputs)
}

// rule is op i as a rule. Its inputs are the other slots, the context, and the nodes it runs after.
func (f form[T]) rule(i, after int) rule[T] {
	compute := f.compute(i, i)
	r := rule[T]{
		output:  f.slots[i],
		after:   after,
		forward: func(in [][]T, y []T) { compute(in, nil, y) },
	}
	for slot := range f.slots {
		if slot != i {
			r.vjps = append(r.vjps, f.vjp(i, slot, after))
		}
	}
	for range f.context {
		r.vjps = append(r.vjps, vjp[T]{undeclared: f.curved})
	}
	r.vjps = append(r.vjps, make([]vjp[T], after)...)
	return r
}

// vjp is the gradient of op i with respect to slot k: op k, with dy in slot i.
func (f form[T]) vjp(i, k, after int) vjp[T] {
	slots, next := make([]operand, len(f.slots)), operand(0)
	var v vjp[T]
	for slot := range slots {
		if slot == i {
			continue
		}
		slots[slot] = next
		if slot != k {
			v.reads = append(v.reads, next)
		}
		next++
	}
	var context []operand
	for range f.context {
		context = append(context, next)
		next++
	}
	for range after {
		v.after = append(v.after, next)
		next++
	}
	compute := f.compute(i, k)
	v.reads = append(v.reads, context...)
	v.apply = func(in [][]T, _, dy, dx []T) { compute(in, dy, dx) }
	v.second = f.secondOf(k, i, slots, context)
	return v
}

// compute returns a function that computes op k from the inputs of op i, with dy in slot i.
func (f form[T]) compute(i, k int) func(in [][]T, dy, out []T) {
	x, inputs := make([][]T, len(f.slots)), 0
	for _, o := range f.context {
		inputs = max(inputs, int(o)+1)
	}
	context := operands[[]T]{in: make([][]T, inputs)}
	return func(in [][]T, dy, out []T) {
		copy(x, in[:i])
		x[i] = dy
		copy(x[i+1:], in[i:])
		context.set(f.context, in[len(x)-1:])
		f.partials[k](x, context.in, context.y, out)
	}
}
