package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// A layout is how a value of the file is stored in memory. Exporters transpose, split and merge
// axes freely; layers return (C, H, W) or (features). So a value is a layer's output with a mapping
// of axes, and nothing is moved until an operator needs another order.
//
// The output is seen as an array of small axes, the atoms, which refine its own axes. Each axis of
// the file's value is a sequence of atoms.
type layout struct {
	shape tensor.Shape // of the layer's output, for one sample
	atoms []int        // sizes above 1, row-major
	axes  [][]int      // the atoms of each axis; those of the first follow the batch
	whole bool         // the file's batch is a part of the one image: the first axis is as any other
}

// newLayout returns the layout of a layer's unchanged output.
func newLayout(shape tensor.Shape, whole bool) layout {
	l := layout{shape: shape.Clone(), axes: [][]int{nil}, whole: whole}
	for _, n := range shape {
		if n == 1 {
			l.axes = append(l.axes, nil)
			continue
		}
		l.axes = append(l.axes, []int{len(l.atoms)})
		l.atoms = append(l.atoms, n)
	}
	return l
}

func (l layout) rank() int { return len(l.axes) }

// isBatch reports whether an axis is that of the images, which no operator may mix.
func (l layout) isBatch(axis int) bool { return axis == 0 && !l.whole }

// size returns the size of an axis; for the first one without the batch.
func (l layout) size(axis int) int { return l.product(l.axes[axis]) }

func (l layout) product(atoms []int) int {
	n := 1
	for _, a := range atoms {
		n *= l.atoms[a]
	}
	return n
}

// dims returns the sizes of all axes.
func (l layout) dims() []number {
	dims := make([]number, l.rank())
	for axis := range dims {
		if l.isBatch(axis) {
			dims[0] = number{batch: int64(l.size(0))}
			continue
		}
		dims[axis] = number{fixed: int64(l.size(axis))}
	}
	return dims
}

// sequence returns the atoms in the order of the value's axes.
func (l layout) sequence() []int { return slices.Concat(l.axes...) }

// inOrder reports whether the value's elements are in memory in the file's order.
func (l layout) inOrder() bool { return slices.IsSorted(l.sequence()) }

// isPlain reports whether the value is the layer's output, axis by axis.
func (l layout) isPlain() bool {
	plain := newLayout(l.shape, l.whole)
	return l.inOrder() && slices.EqualFunc(l.dims(), plain.dims(), func(a, b number) bool { return a == b })
}

// own returns the atoms of an axis of the layer's output.
func (l layout) own(axis int) (atoms []int) {
	before, after := 1, 1
	for i, n := range l.shape {
		if i < axis {
			before *= n
		}
		if i <= axis {
			after *= n
		}
	}
	at := 1
	for a, n := range l.atoms {
		if at >= before && at < after {
			atoms = append(atoms, a)
		}
		at *= n
	}
	return atoms
}

// ownAxis returns the axis of the layer's output that equals an axis of the value, or -1.
func (l layout) ownAxis(axis int) int {
	for own := range l.shape {
		if slices.Equal(l.own(own), l.axes[axis]) && (len(l.axes[axis]) > 0 || l.shape[own] == 1) {
			return own
		}
	}
	return -1
}

// same reports whether two values of one layer's shape have the same axes.
func (l layout) same(other layout) bool {
	return l.shape.Eq(other.shape) && slices.Equal(l.atoms, other.atoms) &&
		slices.EqualFunc(l.axes, other.axes, slices.Equal[[]int])
}

// withAxes returns the layout with other axes of the same atoms.
func (l layout) withAxes(axes [][]int) layout {
	l.axes = axes
	return l
}

// reshaped returns the layout with axes of the given sizes, or false if that needs moving elements.
func (l layout) reshaped(dims []number) (layout, bool) {
	l.atoms = slices.Clone(l.atoms)
	rest := l.sequence()
	var axes [][]int
	for _, d := range dims {
		want := int(max(d.fixed, d.batch))
		var axis []int
		for want > 1 {
			if len(rest) == 0 {
				return l, false
			}
			n := l.atoms[rest[0]]
			if want%n != 0 {
				if n%want != 0 {
					return l, false
				}
				l.split(rest[0], want, rest, axes, axis)
				rest = slices.Insert(rest, 1, rest[0]+1)
				n = want
			}
			axis, rest, want = append(axis, rest[0]), rest[1:], want/n
		}
		axes = append(axes, axis)
	}
	return l.withAxes(axes), len(rest) == 0
}

// split divides an atom into two; those after it get new numbers in all lists.
func (l *layout) split(atom, first int, lists ...any) {
	l.atoms = slices.Insert(l.atoms, atom+1, l.atoms[atom]/first)
	l.atoms[atom] = first
	renumber := func(list []int) {
		for i, a := range list {
			if a > atom {
				list[i] = a + 1
			}
		}
	}
	for _, list := range lists {
		switch list := list.(type) {
		case []int:
			renumber(list)
		case [][]int:
			for _, inner := range list {
				renumber(inner)
			}
		}
	}
}

// replaced returns the layout after an operator changes the size of one axis, which must be an axis
// of the layer's output.
func (l layout) replaced(axis, own, size int) layout {
	gone := l.own(own)
	out := layout{shape: l.shape.Clone(), axes: make([][]int, l.rank()), whole: l.whole}
	out.shape[own] = size
	numbers := make([]int, len(l.atoms))
	added := -1
	for i := range l.shape {
		if i == own {
			if size > 1 {
				added = len(out.atoms)
				out.atoms = append(out.atoms, size)
			}
		}
		for _, a := range l.own(i) {
			if !slices.Contains(gone, a) {
				numbers[a] = len(out.atoms)
				out.atoms = append(out.atoms, l.atoms[a])
			}
		}
	}
	for i, atoms := range l.axes {
		if i == axis {
			if added >= 0 {
				out.axes[i] = []int{added}
			}
			continue
		}
		for _, a := range atoms {
			out.axes[i] = append(out.axes[i], numbers[a])
		}
	}
	return out
}

// text writes a value's shape, with N for the batch.
func (l layout) text() string { return dimsText(l.dims()) }

func dimsText(dims []number) string {
	text := "("
	for i, d := range dims {
		if i > 0 {
			text += ", "
		}
		text += d.String()
	}
	return text + ")"
}

// A number is an integer of the file: a fixed one, a multiple of the batch, which isn't known, and
// a multiple of an image's index in the batch. Numbers of the last sort are one for each image: a
// constant has them as one, along its first axis.
type number struct{ fixed, batch, image int64 }

func (n number) String() string {
	switch {
	case n.image != 0:
		return fmt.Sprintf("%d+%dn", n.fixed, n.image)
	case n.batch == 0:
		return fmt.Sprint(n.fixed)
	case n.fixed != 0:
		return fmt.Sprintf("%d+%dN", n.fixed, n.batch)
	case n.batch == 1:
		return "N"
	}
	return fmt.Sprintf("%dN", n.batch)
}

// plus, times and over are arithmetic as far as it stays a number of this kind.
func (n number) plus(m number, sign int64) (number, bool) {
	return number{n.fixed + sign*m.fixed, n.batch + sign*m.batch, n.image + sign*m.image}, inRange(n) && inRange(m)
}

func (n number) times(m number) (number, bool) {
	if !m.isFixed() {
		n, m = m, n
	}
	return number{n.fixed * m.fixed, n.batch * m.fixed, n.image * m.fixed}, m.isFixed() && inRange(n) && inRange(m)
}

func (n number) over(m number) (number, bool) {
	switch {
	case n.image != 0 || m.image != 0:
	case m.batch == 0 && m.fixed != 0 && (n.batch == 0 || n.batch%m.fixed == 0 && n.fixed%m.fixed == 0):
		return number{fixed: n.fixed / m.fixed, batch: n.batch / m.fixed}, true
	case m.fixed == 0 && n.fixed == 0 && m.batch != 0 && n.batch%m.batch == 0:
		return number{fixed: n.batch / m.batch}, true
	}
	return number{}, false
}

func (n number) isFixed() bool { return n.batch == 0 && n.image == 0 }

// inRange bounds numbers, so that no product overflows.
func inRange(n number) bool {
	const most = 1 << 31
	return n.fixed >= -most && n.fixed <= most && n.batch >= -most && n.batch <= most && n.image >= -most &&
		n.image <= most
}
