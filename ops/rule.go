package ops

import (
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// A rule is an op as mathematics, bound to the shapes and the element type of its operands.
//
// With y = f(x0, x1, …) and a scalar loss L at the end of the graph, reverse mode needs for each
// input xi of each op the vector-Jacobian product
//
//	dL/dxi = (∂y/∂xi)ᵀ · dL/dy
//
// so a rule declares f and one [vjp] per input. Memory that grows with the operands is allocated
// when the op first runs, because some graphs are built only to be inspected.
type rule[T kernel.Float] struct {
	attributes string                // geometry and constants, as errors and pictures show them
	output     tensor.Shape          // of y; empty for a scalar
	forward    func(in [][]T, y []T) // overwrites y
	vjps       []vjp[T]              // one per input, in order
	check      func(in [][]T) error  // runs before forward and refuses values; nil: all are fine

	// y may be in[0]: element i of in[0] isn't read after element i of y has been written. It may
	// also be one of the inputs alsoInPlace, by the same rule.
	inPlace     bool
	alsoInPlace []int

	view       bool // y equals in[0]; if both are the same memory there is nothing to do
	joined     bool // y equals the inputs one after another; those that lie in y needn't be copied
	sideOutput bool // the op of in[0] stored y when it ran: forward doesn't read in[0]
	after      int  // number of last inputs that forward doesn't read; they are only computed before

	// split makes the rule compute a part of a batch. It is nil if the results for an image don't
	// depend on the other images.
	split func(*Part) error

	// differentiated is called when the op is differentiated, if it isn't nil: from then on forward
	// must keep what the vjps read of it.
	differentiated func()

	// again makes the vjps of a further differentiation of the same node, where the vjps share
	// memory and can serve only one. Nil: the vjps can serve any number.
	again func() []vjp[T]

	// For an op y = g(h(x0, x1, …)) where h has y's shape, epilogue is the vjp of g and the vjps
	// are those of h: the incoming gradient passes through the epilogue once. Zero: no g.
	epilogue vjp[T]
}

// A vjp computes the gradient of one input of a rule. The zero vjp: the input has none (a label).
type vjp[T kernel.Float] struct {
	reads []operand // what apply gets of in and y; the others are nil
	after []operand // computed before, but not read

	// apply overwrites dx. in and y are those of forward, dy is the gradient of y.
	apply func(in [][]T, y, dy, dx []T)

	inPlace, view bool // those of a rule, for dx and dy
	sideOutput    bool // another gradient stored dx when it ran: apply doesn't read dy

	late   func()      // lets apply return before din is complete: see [Late]
	shares func() bool // whether each peer computes a share of din: see [Share]

	second     second // the gradient's own gradients
	undeclared bool   // the input has a gradient, but it isn't declared: asking for it is an error
}

// An operand is an input by its index, the op's result, or the gradient of another input.
type operand int

const result operand = -1

// gradientOf is the gradient of another input: a vjp may come after it. Two gradients must not
// depend on each other.
func gradientOf(input int) operand { return result - 1 - operand(input) }

// gradientInput returns the input whose gradient the operand is, if it is a gradient.
func (o operand) gradientInput() (input int, ok bool) { return int(result - 1 - o), o < result }

// operands are an op's inputs and its result, as values or as nodes.
type operands[V any] struct {
	in []V
	y  V
}

// set assigns the values to the given operands.
func (o *operands[V]) set(of []operand, values []V) {
	for i, at := range of {
		if at == result {
			o.y = values[i]
		} else {
			o.in[at] = values[i]
		}
	}
}

// get returns the values of the given operands.
func (o *operands[V]) get(of []operand) (values []V) {
	for _, at := range of {
		if at == result {
			values = append(values, o.y)
		} else {
			values = append(values, o.in[at])
		}
	}
	return values
}

// A builder makes the rule for operands of the given shapes, or returns an error about a shape.
type builder[T kernel.Float] func(in []tensor.Shape) (rule[T], error)
