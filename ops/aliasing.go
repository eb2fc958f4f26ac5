package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Aliasing is what one has to know of an op to plan where its result goes: see [SetBuffer].
type Aliasing struct {
	Reads   int   // the op reads this many operands, the first ones; the others only have to be computed before
	InPlace []int // operands whose memory the result may take, if nobody reads that operand later; the first that fits is best
	View    bool  // the result equals the one operand of InPlace, so both may share memory while both are read
}

// AliasingOf gives the Memory of an op of this package, or false for another's.
func AliasingOf(op G.Op) (Aliasing, bool) {
	p, ok := op.(placeable)
	if !ok {
		return Aliasing{}, false
	}
	return p.uses(), true
}

// SetBuffer makes an op of this package leave its results in the given memory instead of memory of its own. It must be a row-major tensor of the
// op's element type with as many elements as the result has, and stay the op's alone from each run of the op until the last reader of the
// result has run. Scalars have no place.
func SetBuffer(op G.Op, memory *tensor.Dense) error {
	p, ok := op.(placeable)
	if !ok {
		return fmt.Errorf("%v is not an op of this package: its results can't be placed", op)
	}
	return p.place(memory)
}

type placeable interface {
	uses() Aliasing
	place(*tensor.Dense) error
}

func (a *adapter[T]) uses() Aliasing { return a.memory }

func (a *adapter[T]) place(memory *tensor.Dense) error {
	data, err := denseElements[T](memory)
	if err != nil {
		return fmt.Errorf("%s: memory of the result: %w", a, err)
	}
	if memory.RequiresIterator() || memory.DataOrder().IsColMajor() {
		return fmt.Errorf("%s: memory of the result is a view or column-major: want it row-major in one piece", a)
	}
	if a.output.IsScalar() || len(data) != a.output.TotalSize() {
		return fmt.Errorf("%s: memory of %d elements for a result of shape %v", a, len(data), a.output)
	}
	a.value, a.out = tensor.New(tensor.WithShape(a.output...), tensor.WithBacking(data)), data
	return nil
}

// memory is what a rule declares of its own result.
func (r rule[T]) memory(inputs int) Aliasing {
	m := Aliasing{Reads: inputs, View: r.view}
	if r.inPlace || r.view {
		m.InPlace = []int{0}
	}
	m.InPlace = append(m.InPlace, r.alsoInPlace...)
	if r.sideOutput {
		m.Reads = 0
	}
	return m
}

// memory is the same of a gradient, whose operands are the values it reads and then dout.
func (v vjp[T]) memory() Aliasing {
	m := Aliasing{Reads: len(v.reads) + 1, View: v.view}
	if v.inPlace || v.view {
		m.InPlace = []int{len(v.reads)}
	}
	if v.sideOutput {
		m.Reads--
	}
	return m
}

// move copies what isn't there already.
func move[T kernel.Float](dst, src []T) {
	if len(src) > 0 && &dst[0] != &src[0] {
		copy(dst, src)
	}
}
