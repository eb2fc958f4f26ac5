package ops

import (
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// A rule is an op as mathematics, bound to the shapes and the element type of its operands.
//
// With y = f(x0, x1, …) and a scalar loss L at the end of the graph, reverse mode needs of each op, for every input xi, the
// vector-Jacobian product
//
//	dL/dxi = (∂y/∂xi)ᵀ · dL/dy
//
// so that is what a rule declares: f, and one [vjp] per input. It takes no memory that grows with the operands before it first runs, because
// a graph may be built only to be looked at.
type rule[T kernel.Float] struct {
	attributes  string                        // geometry and constants, as errors and pictures show them
	output      tensor.Shape                  // empty for a scalar
	forward     func(in [][]T, out []T) error // overwrites out
	inPlace     bool                          // out may be in[0]: element i of it is read before element i of out is written, and not after
	alsoInPlace []int                         // further inputs whose memory out may be, in the same way
	sideOutput  bool                          // out is what the op of in[0] left behind: forward doesn't read in[0]
	split       func(*Part) error             // makes the rule compute a part of a batch; nil if nothing in it depends on the other images
	view        bool                          // out is in[0] as it is: of one memory for both nothing is to be computed
	after       int                           // forward doesn't read the last inputs; they only have to be computed before
	vjps        []vjp[T]                      // one per input, in order

	// again makes the vjps of a further differentiation of the same node, where the vjps share
	// memory and can serve only one. Nil: the vjps can serve any number.
	again func() []vjp[T]

	// Of an op y = g(h(x0, x1, …)) with an h of y's shape, outer is the vjp of g: what comes back to y passes through it once, and the
	// vjps, which are h's, get what comes out of it. The zero vjp says that there is none.
	outer vjp[T]
}

// A vjp computes the gradient of one input of a rule. The zero vjp says that the input has none (a label, say).
type vjp[T kernel.Float] struct {
	reads []operand                              // the values apply gets as saved, in this order
	after []operand                              // what must have been computed before, without its value being read
	apply func(saved [][]T, dout, din []T) error // overwrites din

	inPlace, view bool // as a rule's, of din and dout
	sideOutput    bool // of another gradient: apply doesn't read dout

	second     second // the gradient's own gradients
	undeclared bool   // the input has a gradient, but it isn't declared: to ask for it is an error
}

// An operand names a value that a vjp needs: an input by its index, the op's own result, or the gradient of another input.
type operand int

const result operand = -1

// gradientOf is the gradient of another input. Two gradients must not need each other.
func gradientOf(input int) operand { return result - 1 - operand(input) }

// gradientInput is the input whose gradient the operand is, if it is one.
func (o operand) gradientInput() (input int, ok bool) { return int(result - 1 - o), o < result }

// A builder makes the rule for the given operand shapes, or says which shape doesn't fit.
type builder[T kernel.Float] func(in []tensor.Shape) (rule[T], error)
