package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Aliasing says which memory an op's result may share with its operands; see [SetBuffer].
type Aliasing struct {
	Reads int // the op reads its first Reads operands; the others only have to be computed before

	// InPlace lists operands that the result may overwrite if nothing reads them later, best first.
	InPlace []int

	View bool // the result equals the operand in InPlace, so both may share memory while both are read

	// Joined: the result is its operands one after another, so each may lie in its part of it.
	Joined bool
}

// AliasingOf returns the Aliasing of an op of this package, or false for any other op.
func AliasingOf(op G.Op) (Aliasing, bool) {
	p, ok := op.(buffered)
	if !ok {
		return Aliasing{}, false
	}
	return p.aliasing(), true
}

// SetBuffer makes an op of this package write its results to the given memory instead of its own.
// The memory must be a row-major tensor with the result's element type and number of elements.
// Nothing else may write to it from a run of the op until the last reader of the result has run.
// Results that are scalars have no buffer.
func SetBuffer(op G.Op, memory *tensor.Dense) error {
	p, ok := op.(buffered)
	if !ok {
		return fmt.Errorf("buffer: got %v to write to it, want an op of this package", op)
	}
	return p.setBuffer(memory)
}

type buffered interface {
	aliasing() Aliasing
	setBuffer(*tensor.Dense) error
}

func (a *adapter[T]) aliasing() Aliasing { return a.memory }

func (a *adapter[T]) setBuffer(memory *tensor.Dense) error {
	data, err := denseElements[T](memory)
	if err != nil {
		return fmt.Errorf("%s: buffer: %w", a, err)
	}
	if memory.RequiresIterator() || memory.DataOrder().IsColMajor() {
		return fmt.Errorf("%s: buffer: got a view or column-major memory, want contiguous row-major memory", a)
	}
	if a.output.IsScalar() || len(data) != a.output.TotalSize() {
		return fmt.Errorf("%s: buffer: got %d elements, want %v", a, len(data), a.output)
	}
	a.value, a.out = tensor.New(tensor.WithShape(a.output...), tensor.WithBacking(data)), data
	return nil
}

// memory returns the aliasing of the rule's result.
func (r rule[T]) memory(inputs int) Aliasing {
	m := Aliasing{Reads: inputs, View: r.view, Joined: r.joined}
	if r.inPlace || r.view {
		m.InPlace = []int{0}
	}
	m.InPlace = append(m.InPlace, r.alsoInPlace...)
	if r.sideOutput {
		m.Reads = 0
	}
	return m
}

// memory returns the aliasing of a gradient, whose operands are the values it reads, then dy.
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

// move copies src to dst unless they are the same memory.
func move[T kernel.Float](dst, src []T) {
	if len(src) > 0 && &dst[0] != &src[0] {
		copy(dst, src)
	}
}
