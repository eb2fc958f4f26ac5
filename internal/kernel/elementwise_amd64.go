//go:build amd64 && !purego

package kernel

import (
	"math"
	"unsafe"
)

//go:generate sh -c "cd _asm && go run ./elementwise -out ../elementwise_amd64.s -stubs ../elementwise_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd _asm && go run ./tables -out ../tables_amd64.go"

// vectorFunc is an assembly function over n elements of up to four arrays, with constants.
type vectorFunc func(n int, a, b, c, d *float32, k *[9]float32)

// pass calls f as a pass. It slices every array to the length of the first, because the assembly
// can't check lengths.
func (f vectorFunc) pass(o operands[float32]) {
	n := len(o.a)
	f(n, first(o.a, n), first(o.b, n), first(o.c, n), first(o.d, n), o.k)
}

func vectorCurve(forward, backward vectorFunc) curvePasses[float32] {
	return curvePasses[float32]{forward.pass, backward.pass}
}

// rowFunc is an assembly function that reduces each row to a number.
type rowFunc func(rows, n int, x *float32, sums *float64)

func (f rowFunc) pass(o operands[float32]) {
	if rows := len(o.sums); rows > 0 {
		f(rows, o.unit, first(o.a, rows*o.unit), &o.sums[0])
	}
}

// scaleFunc is an assembly function that multiplies each row by a factor.
type scaleFunc func(rows, n int, x, factors, y *float32)

func (f scaleFunc) pass(o operands[float32]) {
	if rows := len(o.ofRow); rows > 0 {
		f(rows, o.unit, first(o.a, rows*o.unit), &o.ofRow[0], first(o.b, rows*o.unit))
	}
}

// rowPairFunc is an assembly function that reduces each pair of rows to a number.
type rowPairFunc func(rows, n int, x, y *float32, sums *float64)

func (f rowPairFunc) pass(o operands[float32]) {
	if rows := len(o.sums); rows > 0 {
		f(rows, o.unit, first(o.a, rows*o.unit), first(o.b, rows*o.unit), &o.sums[0])
	}
}

// aboutFunc is an assembly function that sums in lanes what depends on the distance from a mean.
type aboutFunc func(n int, x, dy *float32, mean float64, lanes *float64)

func (f aboutFunc) squares(x []float32, mean float64, lanes *[sumLanes]float64) float64 {
	n := len(x) &^ (sumLanes - 1)
	clear(lanes[:])
	if n > 0 {
		f(n, &x[0], &x[0], mean, &lanes[0])
	}
	return squaresInLanes(x[n:], mean, lanes)
}

func (f aboutFunc) products(dy, x []float32, mean float64, lanes *[sumLanes]float64) float64 {
	n := len(x) &^ (sumLanes - 1)
	dy = dy[:len(x)]
	clear(lanes[:])
	if n > 0 {
		f(n, &x[0], &dy[0], mean, &lanes[0])
	}
	return productsInLanes(dy[n:], x[n:], mean, lanes)
}

// dropoutFunc is an assembly function that draws a mask and multiplies by it.
type dropoutFunc func(n int, x, y *float32, state, dropBelow uint64, scale float32)

func (f dropoutFunc) pass(o operands[float32]) {
	m, n := newMask(o), len(o.a)
	f(n, first(o.a, n), first(o.b, n), m.state, m.dropBelow, m.scale)
}

// softmaxFunc is an assembly function that computes the softmax of each row. It has no advantage
// for short rows (100 rows of 10: 13 µs either way, with the powers of all rows in assembly) but a
// large one for long rows (32 of 1000: 160 µs instead of 300).
type softmaxFunc func(rows, n int, x, y *float32, sums *float64)

// longRow is the shortest row for which a call of assembly pays.
const longRow = 64

func (f softmaxFunc) pass(o operands[float32]) {
	rows := len(o.sums)
	if o.unit < longRow {
		softmax(o)
		return
	}
	if rows == 0 {
		return
	}
	f(rows, o.unit, first(o.a, rows*o.unit), first(o.b, rows*o.unit), &o.sums[0])
	for row, sum := range o.sums {
		o.sums[row] = math.Log(sum)
	}
}

// first returns the address of the first of at least n elements, or nil for a nil slice.
func first[E any](s []E, n int) *E {
	if s == nil {
		return nil
	}
	return unsafe.SliceData(s[:n])
}
