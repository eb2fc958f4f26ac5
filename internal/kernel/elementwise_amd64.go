//go:build amd64 && !purego

package kernel

import (
	"math"
	"unsafe"
)

//go:generate sh -c "cd _asm && go run ./elementwise -out ../elementwise_amd64.s -stubs ../elementwise_stubs_amd64.go -pkg kernel"

// vectorFunc is an assembly function over n elements of up to four arrays, with constants.
type vectorFunc func(n int, a, b, c, d *float32, k *[9]float32)

// pass makes a pass of it. The arrays that there are must be as long as the first, which is checked here: the assembly can't.
func (f vectorFunc) pass(o operands[float32]) {
	n := len(o.a)
	f(n, first(o.a, n), first(o.b, n), first(o.c, n), first(o.d, n), o.k)
}

func vectorCurve(forward, backward vectorFunc) curvePasses[float32] {
	return curvePasses[float32]{forward.pass, backward.pass}
}

// rowFunc is an assembly function that makes a number of each row.
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

// rowPairFunc is an assembly function that makes a number of each pair of rows.
type rowPairFunc func(rows, n int, x, y *float32, sums *float64)

func (f rowPairFunc) pass(o operands[float32]) {
	if rows := len(o.sums); rows > 0 {
		f(rows, o.unit, first(o.a, rows*o.unit), first(o.b, rows*o.unit), &o.sums[0])
	}
}

// dropoutFunc is an assembly function that draws a mask and multiplies by it.
type dropoutFunc func(n int, x, y *float32, state, dropBelow uint64, scale float32)

func (f dropoutFunc) pass(o operands[float32]) {
	m, n := newMask(o), len(o.a)
	f(n, first(o.a, n), first(o.b, n), m.state, m.dropBelow, m.scale)
}

// softmaxFunc is an assembly function that makes a distribution of each row. For short rows it has no advantage (100 rows of 10: 13 µs
// either way, with the powers of all rows in assembly), for long ones much (32 of 1000: 160 µs instead of 300).
type softmaxFunc func(rows, n int, x, y *float32, sums *float64)

// longRow is how long a row is worth a call of assembly.
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

// first returns the address of the first of at least n elements, or nil where there is no array.
func first[E any](s []E, n int) *E {
	if s == nil {
		return nil
	}
	return unsafe.SliceData(s[:n])
}

func avx2Table() table[float32] {
	t := portableTable[float32]()
	t.relu, t.reluBackward = vectorFunc(reluAVX2).pass, vectorFunc(reluBackwardAVX2).pass
	t.sigmoid, t.sigmoidBackward = vectorFunc(sigmoidAVX2).pass, vectorFunc(sigmoidBackwardAVX2).pass
	t.tanh, t.tanhBackward = vectorFunc(tanhAVX2).pass, vectorFunc(tanhBackwardAVX2).pass
	t.curves = curveTable[float32]{
		clippedLine: vectorCurve(clippedLineAVX2, clippedLineBackwardAVX2),
		leakyReLU:   vectorCurve(leakyReLUAVX2, leakyReLUBackwardAVX2),
		hardSwish:   vectorCurve(hardSwishAVX2, hardSwishBackwardAVX2),
		expLinear:   vectorCurve(expLinearAVX2, expLinearBackwardAVX2),
		softsign:    vectorCurve(softsignAVX2, softsignBackwardAVX2),
		silu:        vectorCurve(siluAVX2, siluBackwardAVX2),
		gelu:        vectorCurve(geluAVX2, geluBackwardAVX2),
		geluTanh:    vectorCurve(geluTanhAVX2, geluTanhBackwardAVX2),
		softplus:    vectorCurve(softplusAVX2, softplusBackwardAVX2),
		mish:        vectorCurve(mishAVX2, mishBackwardAVX2),
	}
	t.exp, t.dropout = vectorFunc(expAVX2).pass, dropoutFunc(dropoutAVX2).pass
	t.softmax, t.crossEntropyBackward = softmaxFunc(softmaxRowsAVX2).pass, vectorFunc(crossEntropyBackwardAVX2).pass
	t.sgd, t.momentum, t.nesterov = vectorFunc(sgdAVX2).pass, vectorFunc(momentumAVX2).pass, vectorFunc(nesterovAVX2).pass
	t.adaGrad, t.rmsProp = vectorFunc(adaGradAVX2).pass, vectorFunc(rmsPropAVX2).pass
	t.adam, t.adamW = vectorFunc(adamAVX2).pass, vectorFunc(adamWAVX2).pass
	t.rowSums, t.squareSums = rowFunc(sumRowsAVX2).pass, rowFunc(sumSquareRowsAVX2).pass
	t.add, t.multiply = vectorFunc(addAVX2).pass, vectorFunc(multiplyAVX2).pass
	t.scaleRows, t.dotRows = scaleFunc(scaleRowsAVX2).pass, rowPairFunc(dotRowsAVX2).pass
	setPools(&t, &poolAVX2)
	setNorm(&t, &normAVX2)
	return t
}

func avx512Table() table[float32] {
	t := portableTable[float32]()
	t.relu, t.reluBackward = vectorFunc(reluAVX512).pass, vectorFunc(reluBackwardAVX512).pass
	t.sigmoid, t.sigmoidBackward = vectorFunc(sigmoidAVX512).pass, vectorFunc(sigmoidBackwardAVX512).pass
	t.tanh, t.tanhBackward = vectorFunc(tanhAVX512).pass, vectorFunc(tanhBackwardAVX512).pass
	t.curves = curveTable[float32]{
		clippedLine: vectorCurve(clippedLineAVX512, clippedLineBackwardAVX512),
		leakyReLU:   vectorCurve(leakyReLUAVX512, leakyReLUBackwardAVX512),
		hardSwish:   vectorCurve(hardSwishAVX512, hardSwishBackwardAVX512),
		expLinear:   vectorCurve(expLinearAVX512, expLinearBackwardAVX512),
		softsign:    vectorCurve(softsignAVX512, softsignBackwardAVX512),
		silu:        vectorCurve(siluAVX512, siluBackwardAVX512),
		gelu:        vectorCurve(geluAVX512, geluBackwardAVX512),
		geluTanh:    vectorCurve(geluTanhAVX512, geluTanhBackwardAVX512),
		softplus:    vectorCurve(softplusAVX512, softplusBackwardAVX512),
		mish:        vectorCurve(mishAVX512, mishBackwardAVX512),
	}
	t.exp, t.dropout = vectorFunc(expAVX512).pass, dropoutFunc(dropoutAVX512).pass
	t.softmax, t.crossEntropyBackward = softmaxFunc(softmaxRowsAVX512).pass, vectorFunc(crossEntropyBackwardAVX512).pass
	t.sgd, t.momentum, t.nesterov = vectorFunc(sgdAVX512).pass, vectorFunc(momentumAVX512).pass, vectorFunc(nesterovAVX512).pass
	t.adaGrad, t.rmsProp = vectorFunc(adaGradAVX512).pass, vectorFunc(rmsPropAVX512).pass
	t.adam, t.adamW = vectorFunc(adamAVX512).pass, vectorFunc(adamWAVX512).pass
	t.rowSums, t.squareSums = rowFunc(sumRowsAVX512).pass, rowFunc(sumSquareRowsAVX512).pass
	t.add, t.multiply = vectorFunc(addAVX512).pass, vectorFunc(multiplyAVX512).pass
	t.scaleRows, t.dotRows = scaleFunc(scaleRowsAVX512).pass, rowPairFunc(dotRowsAVX512).pass
	setPools(&t, &poolAVX512)
	setNorm(&t, &normAVX512)
	return t
}
