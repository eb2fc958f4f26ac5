package main

import (
	"fmt"
	"sync"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The most taps of one tapDots: their sums and offsets stay in registers.
const mostDotTaps = 6

// depthwise emits the kernels of depthwise convolutions, over planes in the layout of poolings.
func depthwise(s *simd) {
	weighTaps(s, 4)
	weighTaps(s, 1)
	weighNine(s, 1)
	weighNine(s, 2)
	if s == avx512 {
		weighPlane(s)
	}
	for n := range mostDotTaps {
		tapDots(s, n+1)
	}
}

// block is the rows of an array that one iteration works on, step bytes apart.
type block struct {
	base, step, step3 reg.Register
}

func newBlock(base reg.Register, argument string) block {
	b := block{base, Load(Param(argument), GP64()), GP64()}
	SHLQ(Imm(2), b.step)
	LEAQ(Mem{Base: b.step, Index: b.step, Scale: 2}, b.step3)
	return b
}

// row is the address of a row of the block.
func (b block) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: b.base}
	case 3:
		return Mem{Base: b.base, Index: b.step3, Scale: 1}
	}
	return Mem{Base: b.base, Index: b.step, Scale: uint8(i)}
}

// weighTaps loads each tap's offset and weight once for several rows.
func weighTaps(s *simd, rows int) {
	name := fmt.Sprintf("weighTaps%d%s", rows, s.name)
	TEXT(
		name, NOSPLIT,
		"func(rows, cols, step, outStep int, x *float32, n int, taps *int32, weights, y *float32, "+
			"bias, least, most float32)",
	)
	Pragma("noescape")
	doc(fmt.Sprintf("%s sets y to bias plus the sum of n taps of x times their weights, at least least and at most "+
		"most, for %d·rows rows; rows, cols and n are positive. It reads whole vectors of x.", name, rows))
	b := newBand(s)
	b.twice = true
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	at := GP64()
	in := newBlock(at, "step")
	bias, least, most := s.parameter("bias"), s.parameter("least"), s.parameter("most")
	b.walk(func(l lanes) {
		var sums [4]vec
		for i := range rows {
			sums[i] = s.copy(bias)
		}
		weight := Load(Param("weights"), GP64())
		b.eachTap(l, func(offset reg.Register, _ Mem) {
			LEAQ(Mem{Base: x, Index: offset, Scale: 4}, at)
			w := s.broadcast(Mem{Base: weight})
			ADDQ(Imm(4), weight)
			for i := range rows {
				VFMADD231PS(in.row(i), w, sums[i])
			}
		})
		to := GP64()
		LEAQ(b.here(y), to)
		out := newBlock(to, "outStep")
		for i := range rows {
			sums[i] = s.min(most, s.max(least, sums[i]))
		}
		l.storeRows(b.cols, sums[:rows], out)
	}, func() {
		forwardRows(rows, "step", x)
		forwardRows(rows, "outStep", y)
	})
}

// weighNine is weighTaps for 3x3 windows and a row stride, with the weights in registers. Four rows
// of results share the loads of x's rows. A result's sum has the order of weighTaps.
func weighNine(s *simd, stride int) {
	const outRows, kernel = 4, 3
	name := fmt.Sprintf("weighNine%d%s", stride, s.name)
	TEXT(
		name, NOSPLIT,
		"func(rows, cols, row, outStep int, x *float32, second, third int, weights, y *float32, "+
			"bias, least, most float32)",
	)
	Pragma("noescape")
	doc(fmt.Sprintf("%s sets y to bias plus the weighted sum of 3x3 windows at row stride %d, at least least and at "+
		"most most, for 4·rows rows; rows and cols are positive. The rows of x are row elements apart; a window's "+
		"second and third column are at those offsets. It reads whole vectors of x.", name, stride))
	b := newBand(s)
	b.twice = true
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	second, third := Load(Param("second"), GP64()), Load(Param("third"), GP64())
	row := Load(Param("row"), GP64())
	SHLQ(Imm(2), row)
	weights := Load(Param("weights"), GP64())
	var w [kernel * kernel]vec
	for k := range w {
		w[k] = s.broadcast(Mem{Base: weights, Disp: 4 * k})
	}
	at := GP64()
	b.walk(func(l lanes) {
		sums := []vec{s.parameter("bias")}
		for len(sums) < outRows {
			sums = append(sums, s.copy(sums[0]))
		}
		LEAQ(b.here(x), at)
		columns := []Mem{{Base: at}, {Base: at, Index: second, Scale: 4}, {Base: at, Index: third, Scale: 4}}
		for i := range (outRows-1)*stride + kernel {
			for kw, column := range columns {
				v := s.table(column)
				for out, sum := range sums {
					if kh := i - stride*out; kh >= 0 && kh < kernel {
						VFMADD231PS(v, w[kernel*kh+kw], sum)
					}
				}
			}
			ADDQ(row, at)
		}
		least, most := s.parameter("least"), s.parameter("most")
		for _, sum := range sums {
			VMAXPS(sum, least, sum)
			VMINPS(sum, most, sum)
		}
		LEAQ(b.here(y), at)
		l.storeRows(b.cols, sums, newBlock(at, "outStep"))
	}, func() {
		LEAQ(Mem{Base: x, Index: row, Scale: 4}, x)
		if stride == 2 {
			LEAQ(Mem{Base: x, Index: row, Scale: 4}, x)
		}
		forwardRows(outRows, "outStep", y)
	})
}

// weighPlane reads a plane where it lies, whose rows fit a vector: masks leave out the columns to
// its left and right, and the rows above and below it are zeros in a register. A result's sum has
// the order of weighTaps.
//
// A row of x is loaded once for the three rows of results that it belongs to: the one above it, its
// own and the one below.
func weighPlane(s *simd) {
	const kernel = 3
	TEXT("weighPlane"+s.name, NOSPLIT,
		"func(rows, cols int, x, weights, y *float32, bias, least, most float32)")
	Pragma("noescape")
	doc("weighPlane" + s.name + " sets y, rows x cols, to bias plus the weighted sum of the 3x3 windows around each " +
		"element of x, with zeros outside, at least least and at most most; rows is positive, and cols 1 to a " +
		"vector's lanes.")
	cols, step := Load(Param("cols"), GP64()).(reg.GPVirtual), GP64()
	MOVQ(cols, step)
	SHLQ(Imm(2), step)
	left, center, right := lanes{s, reg.K1}, lanes{s, reg.K2}, lanes{s, reg.K3}
	bits := GP64()
	MOVQ(I32(-1), bits)
	BZHIQ(cols, bits, bits)
	KMOVW(bits.As32(), center.mask)
	DECQ(cols)
	BZHIQ(cols, bits, bits)
	KMOVW(bits.As32(), right.mask)
	ADDQ(bits, bits)
	KMOVW(bits.As32(), left.mask)

	weights := Load(Param("weights"), GP64())
	var w [kernel * kernel]vec
	for k := range w {
		w[k] = s.broadcast(Mem{Base: weights, Disp: 4 * k})
	}
	bias, least, most := s.parameter("bias"), s.parameter("least"), s.parameter("most")
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	weigh := func(sum vec, kh int, columns [kernel]vec) {
		for kw, v := range columns {
			VFMADD231PS(v, w[kernel*kh+kw], sum)
		}
	}
	load := func() [kernel]vec {
		return [kernel]vec{
			left.load(Mem{Base: x, Disp: -4}), center.load(Mem{Base: x}), right.load(Mem{Base: x, Disp: 4}),
		}
	}
	store := func(sum vec) {
		VMAXPS(sum, least, sum)
		VMINPS(sum, most, sum)
		center.store(sum, Mem{Base: y})
		ADDQ(step, y)
	}
	zero := s.zero()
	outside := [kernel]vec{zero, zero, zero}
	above, own, below := s.vec(), s.copy(bias), s.copy(bias)
	weigh(own, 0, outside)
	first := load()
	weigh(own, 1, first)
	weigh(below, 0, first)
	rows := Load(Param("rows"), GP64())
	JMP(LabelRef("next"))
	Label("row")
	ADDQ(step, x)
	VMOVAPS(own, above)
	VMOVAPS(below, own)
	VMOVAPS(bias, below)
	row := load()
	weigh(above, 2, row)
	weigh(own, 1, row)
	weigh(below, 0, row)
	store(above)
	Label("next")
	DECQ(rows)
	JNE(LabelRef("row"))
	weigh(own, 2, outside)
	store(own)
	VZEROUPPER()
	RET()
}

// storeRows stores one vector of each row of a block. The mask, if there is one, has cols lanes. On
// some processors with AVX2 masked stores take a dozen cycles, so four lanes or more are stored as
// the first four and the last four.
func (l lanes) storeRows(cols reg.Register, rows []vec, out block) {
	if l.mask == nil || l.s != avx2 {
		for i, v := range rows {
			l.store(v, out.row(i))
		}
		return
	}
	CMPQ(cols, Imm(4))
	JLT(LabelRef("short"))
	lastFour, table := l.s.vec(), GP64()
	LEAQ(tableOfIndices(), table)
	VMOVDQU(Mem{Base: table, Index: cols, Scale: 4, Disp: -16}, lastFour)
	for i, v := range rows {
		VMOVUPS(v.AsX(), out.row(i))
		VPERMPS(v, lastFour, v)
	}
	LEAQ(Mem{Base: out.base, Index: cols, Scale: 4, Disp: -16}, out.base)
	for i, v := range rows {
		VMOVUPS(v.AsX(), out.row(i))
	}
	JMP(LabelRef("stored"))
	Label("short")
	for i, v := range rows {
		l.store(v, out.row(i))
	}
	Label("stored")
}

// tableOfIndices is the words 0, 1, 2, …
var tableOfIndices = sync.OnceValue(func() Mem {
	table := GLOBL("indices", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i))
	}
	return table
})

// fma adds a times the memory operand b to c.
func (l lanes) fma(a vec, b Mem, c vec) {
	if l.mask == nil {
		VFMADD231PS(b, a, c)
		return
	}
	VFMADD231PS(l.load(b), a, c)
}

func forwardRows(rows int, argument string, array reg.Register) {
	step := Load(Param(argument), GP64())
	LEAQ(Mem{Base: array, Index: step, Scale: 4}, array)
	for range rows - 1 {
		LEAQ(Mem{Base: array, Index: step, Scale: 4}, array)
	}
}

// tapDots reads each element of dy once for all its taps.
func tapDots(s *simd, n int) {
	name := fmt.Sprintf("tapDots%d%s", n, s.name)
	TEXT(name, NOSPLIT, "func(rows, cols, step int, x *float32, taps *int32, dy, lanes *float32)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s adds the dot products of dy, rows of cols elements, and %d taps of x to one vector of "+
		"lanes for each tap; rows and cols are positive.", name, n))
	b := newBand(s)
	x, dy := Load(Param("x"), GP64()), Load(Param("dy"), GP64())
	taps := Load(Param("taps"), GP64())
	sums, offsets := make([]vec, n), make([]reg.Register, n)
	for i := range n {
		sums[i], offsets[i] = s.zero(), GP64()
		MOVLQSX(Mem{Base: taps, Disp: 8 * i}, offsets[i])
		LEAQ(Mem{Base: x, Index: offsets[i], Scale: 4}, offsets[i])
	}
	b.loops(func(l lanes) {
		d := l.load(b.here(dy))
		for i := range n {
			l.fma(d, b.here(offsets[i]), sums[i])
		}
	}, func() {
		forward("cols", dy)
		forward("step", offsets...)
	})
	to := Load(Param("lanes"), GP64())
	for i := range n {
		at := Mem{Base: to, Disp: i * s.bytes()}
		VADDPS(at, sums[i], sums[i])
		VMOVUPS(sums[i], at)
	}
	VZEROUPPER()
	RET()
}
