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
// so that is what a rule declares: f, and one [vjp] per input.
type rule[T kernel.Float] struct {
	attributes string                        // geometry and constants, as errors and pictures show them
	output     tensor.Shape                  // empty for a scalar
	forward    func(in [][]T, out []T) error // overwrites out
	vjps       []vjp[T]                      // one per input, in order
}

// A vjp computes the gradient of one input of a rule. The zero vjp says that the input has none (a label, say).
type vjp[T kernel.Float] struct {
	reads []operand                              // the values apply gets as saved, in this order
	apply func(saved [][]T, dout, din []T) error // overwrites din
}

// An operand names a value that a vjp reads: an input by its index, or the op's own result.
type operand int

const result operand = -1

// A builder makes the rule for the given operand shapes, or says which shape doesn't fit.
type builder[T kernel.Float] func(in []tensor.Shape) (rule[T], error)
