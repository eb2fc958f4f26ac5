package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ScaleShift is y = x·w + b for x (N, …). w and b have the shape of a sample, in which any size may
// be 1 to broadcast along that axis: (C, 1, 1) is a factor and a term for each channel. Either w or
// b may be nil.
func ScaleShift(x, w, b *G.Node) (*G.Node, error) {
	switch {
	case w == nil && b == nil:
		return nil, fmt.Errorf("ScaleShift: got neither factors nor terms, want at least one of them")
	case b == nil:
		return apply("Scale", scaleOnly[float32], scaleOnly[float64], x, w)
	case w == nil:
		return apply("Shift", shiftOnly[float32], shiftOnly[float64], x, b)
	}
	return apply("ScaleShift", scaleShift[float32], scaleShift[float64], x, w, b)
}

// scaleShift: dx = dy·w, dw = Σ dy·x and db = Σ dy, summed over the samples and over the axes along
// which w and b are broadcast.
func scaleShift[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	at, err := broadcastIndices(in[0], in[1], in[2])
	if err != nil {
		return rule[T]{}, err
	}
	return rule[T]{
		output:  in[0],
		inPlace: true,
		split:   splits(func(p *Part) { at.part = p }),
		forward: func(in [][]T, y []T) {
			x, w, b := in[0], in[1], in[2]
			at.each(func(i, j int) { y[i] = x[i]*w[j] + b[j] })
		},
		vjps: append(scaleVJPs[T](at, in[0], in[1]), shiftVJP[T](at, in[0], in[2])),
	}, nil
}

func scaleOnly[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	at, err := broadcastIndices(in[0], in[1], in[1])
	if err != nil {
		return rule[T]{}, err
	}
	return rule[T]{
		output:  in[0],
		inPlace: true,
		split:   splits(func(p *Part) { at.part = p }),
		forward: func(in [][]T, y []T) {
			x, w := in[0], in[1]
			at.each(func(i, j int) { y[i] = x[i] * w[j] })
		},
		vjps: scaleVJPs[T](at, in[0], in[1]),
	}, nil
}

func shiftOnly[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	at, err := broadcastIndices(in[0], in[1], in[1])
	if err != nil {
		return rule[T]{}, err
	}
	return rule[T]{
		output:  in[0],
		inPlace: true,
		split:   splits(func(p *Part) { at.part = p }),
		forward: func(in [][]T, y []T) {
			x, b := in[0], in[1]
			at.each(func(i, j int) { y[i] = x[i] + b[j] })
		},
		vjps: []vjp[T]{
			unchanged[T](in[0], in[0]),
			shiftVJP[T](at, in[0], in[1]),
		},
	}, nil
}

// scaleVJPs are the gradients of x and w of x·w.
func scaleVJPs[T kernel.Float](at *broadcast, x, w tensor.Shape) []vjp[T] {
	times := func(v, w, out []T) { at.each(func(i, j int) { out[i] = v[i] * w[j] }) }
	sum := batchSums[T](at)
	dots := func(v, dy, out []T) { sum(out, func(i int) float64 { return float64(dy[i]) * float64(v[i]) }) }
	dx, dw := bilinear(x, w, x, times, func(w, dy, dx []T) { times(dy, w, dx) }, dots)
	dx.inPlace = true
	return []vjp[T]{dx, dw}
}

// shiftVJP is the gradient of b of x + b.
func shiftVJP[T kernel.Float](at *broadcast, x, b tensor.Shape) vjp[T] {
	sum := batchSums[T](at)
	return transposed(b, x,
		func(v, out []T) { at.each(func(i, j int) { out[i] = v[j] }) },
		func(dy, db []T) { sum(db, func(i int) float64 { return float64(dy[i]) }) })
}

// batchSums returns a function that sums a term of each element of a batch into the operand's
// element that it is paired with. The sums are in float64, on one goroutine: first over each leaf
// of the batch (see [kernel.Leaves]), then over the leaves, in order.
func batchSums[T kernel.Float](at *broadcast) func(out []T, term func(i int) float64) {
	var sums []float64
	var whole kernel.Whole[float64]
	return func(out []T, term func(i int) float64) {
		first, end := at.part.Leaves(at.images)
		if sums == nil {
			sums = make([]float64, (end-first)*at.operand)
		}
		clear(sums)
		for leaf := first; leaf < end; leaf++ {
			from, to := at.part.Leaf(at.images, leaf)
			row := sums[(leaf-first)*at.operand:]
			at.eachOf(from, to, func(i, j int) { row[j] += term(i) })
		}
		if leaves := whole.OfLeaves(at.part, sums); leaves != nil {
			kernel.AddRows(len(leaves)/at.operand, at.operand, leaves, out)
		}
	}
}

// broadcast pairs each element of a batch with the operand's element that is broadcast to it.
type broadcast struct {
	part    *Part
	images  int
	width   int   // of the last axis
	first   []int // for each row of a sample, the operand's element of its first number
	step    int   // between the operand's elements of neighbors in a row: 0 or 1
	operand int   // elements of the operand
}

// broadcastIndices checks w and b, which must be of one shape, against the samples of x.
func broadcastIndices(x, w, b tensor.Shape) (*broadcast, error) {
	if x.Dims() < 2 || x.TotalSize() == 0 {
		return nil, fmt.Errorf("input: got shape %v, want (N, …)", x)
	}
	sample := x[1:]
	if !w.Eq(b) || len(w) != len(sample) {
		return nil, fmt.Errorf("factors and terms: got shapes %v and %v, want one shape of %d axes", w, b, len(sample))
	}
	for axis, n := range w {
		if n != 1 && n != sample[axis] {
			return nil, fmt.Errorf(
				"factors and terms: got shape %v, want %v, or 1 for any size", w, tensor.Shape(sample),
			)
		}
	}
	last := len(sample) - 1
	at := &broadcast{images: x[0], width: sample[last], operand: w.TotalSize()}
	if w[last] > 1 {
		at.step = 1
	}
	perSample := tensor.Shape(sample).TotalSize() / at.width
	at.first = make([]int, perSample)
	for row := range at.first {
		rest, stride := row, w[last]
		for axis := last - 1; axis >= 0; axis-- {
			if w[axis] > 1 {
				at.first[row] += rest % sample[axis] * stride
				stride *= w[axis]
			}
			rest /= sample[axis]
		}
	}
	return at, nil
}

func (b *broadcast) each(f func(i, j int)) { b.eachOf(0, b.images, f) }

// eachOf is each for images [from, to).
func (b *broadcast) eachOf(from, to int, f func(i, j int)) {
	i := from * len(b.first) * b.width
	for row := range (to - from) * len(b.first) {
		j := b.first[row%len(b.first)]
		for range b.width {
			f(i, j)
			i++
			j += b.step
		}
	}
}
