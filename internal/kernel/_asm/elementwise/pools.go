package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools emits the plane functions of pooling at stride 2 without padding. AVX2 suffices: memory sets the pace.
func pools() {
	maxPool(2)
	maxPool(3)
	maxPoolBackward()
	sumPool()
	spreadPool()
}

const outLanes = 8

// grid is a walk over the results of one plane, row by row, up to eight a turn. A row of eight or more ends with a whole turn too, which
// overlaps the one before; a shorter row is one masked turn.
type grid struct {
	rows, cols reg.GPVirtual // results
	width      reg.GPVirtual // of the input plane
	in         reg.GPVirtual // address of this row's first window
	row        reg.GPVirtual // number of this row's first result
	at         reg.GPVirtual // results done of this row
	place      reg.GPVirtual // offset of this row's first window in the input plane
	out        lanes         // of the results
	low, high  lanes         // of the two vectors of input for eight results
}

// newGrid takes the arguments rows, cols, width of the current function and its array "in" of the input plane.
func newGrid(in string) *grid {
	g := &grid{}
	g.rows = Load(Param("rows"), GP64()).(reg.GPVirtual)
	g.cols = Load(Param("cols"), GP64()).(reg.GPVirtual)
	g.width = Load(Param("width"), GP64()).(reg.GPVirtual)
	g.in = Load(Param(in), GP64()).(reg.GPVirtual)
	g.row, g.at, g.place = GP64(), GP64(), GP64()
	XORQ(g.row, g.row)
	XORQ(g.place, g.place)
	return g
}

// walk emits the loops and body for each turn.
func (g *grid) walk(body func()) {
	bytes := GP64()
	MOVQ(g.width, bytes)
	SHLQ(Imm(2), bytes)
	CMPQ(g.cols, Imm(outLanes))
	JLT(LabelRef("narrow"))
	g.out, g.low, g.high = lanes{s: avx2}, lanes{s: avx2}, lanes{s: avx2}
	last := GP64()
	LEAQ(Mem{Base: g.cols, Disp: -outLanes}, last)
	g.eachRow("wide", bytes, func() {
		XORQ(g.at, g.at)
		Label("turn")
		body()
		CMPQ(g.at, last)
		JGE(LabelRef("turned"))
		ADDQ(Imm(outLanes), g.at)
		CMPQ(g.at, last)
		CMOVQGT(last, g.at)
		JMP(LabelRef("turn"))
		Label("turned")
	})
	VZEROUPPER()
	RET()
	Label("narrow")
	XORQ(g.at, g.at)
	g.out = firstOf(g.cols, 1, 0)
	g.low, g.high = firstOf(g.cols, 2, 0), firstOf(g.cols, 2, 8)
	g.eachRow("part", bytes, body)
	VZEROUPPER()
	RET()
}

func (g *grid) eachRow(label string, bytes reg.Register, body func()) {
	Label(label)
	body()
	LEAQ(Mem{Base: g.in, Index: bytes, Scale: 2}, g.in)
	LEAQ(Mem{Base: g.place, Index: g.width, Scale: 2}, g.place)
	ADDQ(g.cols, g.row)
	DECQ(g.rows)
	JNE(LabelRef(label))
}

// firstOf returns the first times·n - skip lanes.
func firstOf(n reg.Register, times uint8, skip int) lanes {
	left, zero, most := GP64(), GP64(), GP64()
	IMUL3Q(U8(times), n, left)
	SUBQ(Imm(uint64(skip)), left)
	XORQ(zero, zero)
	TESTQ(left, left)
	CMOVQLT(zero, left)
	MOVQ(U32(avx2.lanes), most)
	CMPQ(left, most)
	CMOVQGT(most, left)
	return avx2.first(left)
}

// result is where this turn's results of an array stand.
func (g *grid) result(array reg.Register) Mem {
	at := GP64()
	LEAQ(Mem{Base: g.row, Index: g.at, Scale: 1}, at)
	return Mem{Base: array, Index: at, Scale: 4}
}

// input is where this turn's windows begin.
func (g *grid) input() reg.GPVirtual {
	at := GP64()
	LEAQ(Mem{Base: g.in, Index: g.at, Scale: 8}, at)
	return at
}

// places returns the offset of each window in the input plane, given those of windows at 0.
func (g *grid) places(from Mem) vec {
	at, single, all := GP64(), XMM(), YMM()
	LEAQ(Mem{Base: g.place, Index: g.at, Scale: 2}, at)
	VMOVD(at.As32(), single)
	VPBROADCASTD(single, all)
	VPADDD(from, all, all)
	return all
}

// offsets emits a table of eight words.
func offsets(name string, words ...uint32) Mem {
	table := GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(4*i, U32(w))
	}
	return table
}

// columns loads sixteen values from a row and parts them: the even and the odd ones, both in the order 0 1 4 5 2 3 6 7 (inOrder mends it).
func (g *grid) columns(row Mem) (even, odd vec) {
	a, b := g.low.load(row), g.high.load(row.Offset(32))
	even, odd = YMM(), YMM()
	VSHUFPS(Imm(0x88), b, a, even)
	VSHUFPS(Imm(0xdd), b, a, odd)
	return even, odd
}

func inOrder(v vec) vec {
	VPERMQ(Imm(0xd8), v, v)
	return v
}

// maxPool: a value replaces the best if it is above it (or NaN, unless the best is NaN).
func maxPool(kernel int) {
	TEXT(fmt.Sprintf("maxPool%d", kernel), NOSPLIT, "func(rows, cols, width int, x, y *float32, at *int32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("maxPool%d is maxPlane for %dx%d windows at stride 2, rows·cols of them, both positive.", kernel, kernel, kernel))
	g := newGrid("x")
	y := Load(Param("y"), GP64())
	at := Load(Param("at"), GP64())
	order := shuffledOffsets()
	wide, one := YMM(), YMM()
	single := XMM()
	VMOVD(g.width.As32(), single)
	VPBROADCASTD(single, wide)
	VPCMPEQD(one, one, one)
	VPSRLD(Imm(31), one, one)
	bytes := GP64()
	MOVQ(g.width, bytes)
	SHLQ(Imm(2), bytes)
	g.walk(func() {
		row, rowPlace := g.input(), g.places(order)
		best, where := YMM(), YMM()
		for kh := range kernel {
			place := YMM()
			VMOVAPS(rowPlace, place)
			even, odd := g.columns(Mem{Base: row})
			if kh == 0 {
				VMOVAPS(even, best)
				VMOVAPS(place, where)
			} else {
				challenge(even, place, best, where)
			}
			VPADDD(one, place, place)
			challenge(odd, place, best, where)
			if kernel == 3 {
				_, next := g.columns(Mem{Base: row, Disp: 4})
				VPADDD(one, place, place)
				challenge(next, place, best, where)
			}
			if kh < kernel-1 {
				ADDQ(bytes, row)
				VPADDD(wide, rowPlace, rowPlace)
			}
		}
		g.out.store(inOrder(best), g.result(y))
		g.out.store(inOrder(where), g.result(at))
	})
}

var shuffled *Mem

func shuffledOffsets() Mem {
	if shuffled == nil {
		table := offsets("shuffledOffsets", 0, 2, 8, 10, 4, 6, 12, 14)
		shuffled = &table
	}
	return *shuffled
}

func challenge(v, place, best, where vec) {
	above, number := YMM(), YMM()
	VCMPPS(Imm(notLessOrEqual), best, v, above)
	VCMPPS(Imm(ordered), best, best, number)
	VANDPS(number, above, above)
	VBLENDVPS(above, v, best, best)
	VBLENDVPS(above, place, where, where)
}

// maxPoolBackward compares each place with the window's four, so it writes every dx under a window once and adds nothing.
func maxPoolBackward() {
	TEXT("maxPool2Backward", NOSPLIT, "func(rows, cols, width int, at *int32, dy, dx *float32)")
	Pragma("noescape")
	Doc("maxPool2Backward is maxBackwardPlane for 2x2 windows side by side, rows·cols of them, both positive; it writes under windows only.")
	g := newGrid("dx")
	at := Load(Param("at"), GP64())
	dy := Load(Param("dy"), GP64())
	order := offsets("evenOffsets", 0, 2, 4, 6, 8, 10, 12, 14)
	wide, one := YMM(), YMM()
	single := XMM()
	VMOVD(g.width.As32(), single)
	VPBROADCASTD(single, wide)
	VPCMPEQD(one, one, one)
	VPSRLD(Imm(31), one, one)
	g.walk(func() {
		row, place := g.input(), g.places(order)
		where, d := g.out.load(g.result(at)), g.out.load(g.result(dy))
		for kh := range 2 {
			if kh == 1 {
				LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
				VPADDD(wide, place, place)
			}
			left, right, next := YMM(), YMM(), YMM()
			VPCMPEQD(place, where, left)
			VANDPS(d, left, left)
			VPADDD(one, place, next)
			VPCMPEQD(next, where, right)
			VANDPS(d, right, right)
			g.storePairs(left, right, Mem{Base: row})
		}
	})
}

// storePairs stores left[0], right[0], left[1], right[1], …
func (g *grid) storePairs(left, right vec, to Mem) {
	low, high, first, second := YMM(), YMM(), YMM(), YMM()
	VUNPCKLPS(right, left, low)
	VUNPCKHPS(right, left, high)
	VPERM2F128(Imm(0x20), high, low, first)
	VPERM2F128(Imm(0x31), high, low, second)
	g.low.store(first, to)
	g.high.store(second, to.Offset(32))
}

// sumPool adds in reading order, unfused: the portable code's bits.
func sumPool() {
	TEXT("sumPool2", NOSPLIT, "func(rows, cols, width int, x, y *float32, scale, bias float32)")
	Pragma("noescape")
	Doc("sumPool2 is sumPlane for 2x2 windows side by side, rows·cols of them, both positive.")
	g := newGrid("x")
	y := Load(Param("y"), GP64())
	scale, bias := avx2.parameter("scale"), avx2.parameter("bias")
	g.walk(func() {
		row := g.input()
		even, odd := g.columns(Mem{Base: row})
		sum := avx2.add(even, odd)
		LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
		even, odd = g.columns(Mem{Base: row})
		sum = avx2.add(avx2.add(sum, even), odd)
		g.out.store(inOrder(avx2.add(avx2.mul(scale, sum), bias)), g.result(y))
	})
}

func spreadPool() {
	TEXT("spreadPool2", NOSPLIT, "func(rows, cols, width int, dy, dx *float32, scale float32)")
	Pragma("noescape")
	Doc("spreadPool2 is spreadPlane for 2x2 windows side by side, rows·cols of them, both positive; it writes under windows only.")
	g := newGrid("dx")
	dy := Load(Param("dy"), GP64())
	scale := avx2.parameter("scale")
	g.walk(func() {
		row := g.input()
		d := avx2.mul(scale, g.out.load(g.result(dy)))
		g.storePairs(d, d, Mem{Base: row})
		LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
		g.storePairs(d, d, Mem{Base: row})
	})
}
