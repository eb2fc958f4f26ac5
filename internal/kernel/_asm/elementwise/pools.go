package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools emits the plane functions of pooling at stride 2 without padding. Where memory sets the pace AVX2 suffices.
func pools() {
	for _, s := range []*simd{avx2, avx512} {
		maxPool(s, 2)
		maxPool(s, 3)
		taps(s)
	}
	mergeRows()
	maxPoolBackward()
	sumPool()
	spreadPool()
}

// grid is a walk over the results of one plane, row by row, up to a vector a turn.
type grid struct {
	s          *simd
	rows, cols reg.GPVirtual // results
	width      reg.GPVirtual // of the input plane
	in         reg.GPVirtual // address of this row's first window
	row        reg.GPVirtual // number of this row's first result
	at         reg.GPVirtual // results done of this row
	place      reg.GPVirtual // offset of this row's first window in the input plane
	turn
}

// turn is the lanes of one turn.
type turn struct {
	out       lanes // of the results
	low, high lanes // of the two vectors of input for a vector of results
}

// lanesOf returns the lanes for the first n results, less than a vector.
func (g *grid) lanesOf(n reg.Register) turn {
	return turn{g.s.firstOf(n, 1, 0, 0), g.s.firstOf(n, 2, 0, 1), g.s.firstOf(n, 2, g.s.lanes, 2)}
}

// whole is all lanes.
func (g *grid) whole() turn {
	all := lanes{s: g.s}
	return turn{all, all, all}
}

// newGrid takes the arguments rows, cols, width of the current function and its array "in" of the input plane.
func newGrid(s *simd, in string) *grid {
	g := &grid{s: s}
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
	if g.s == avx512 {
		g.walkMasked(body)
	} else {
		g.walkOverlapping(body)
	}
	VZEROUPPER()
	RET()
}

// walkMasked ends each row with a masked turn if it must.
func (g *grid) walkMasked(body func()) {
	whole, rest := GP64(), GP64()
	MOVQ(g.cols, whole)
	ANDQ(I32(int32(-g.s.lanes)), whole)
	MOVQ(g.cols, rest)
	SUBQ(whole, rest)
	part := g.lanesOf(rest)
	g.eachRow("row", func() {
		XORQ(g.at, g.at)
		CMPQ(g.at, whole)
		JEQ(LabelRef("part"))
		g.turn = g.whole()
		Label("whole")
		body()
		ADDQ(Imm(uint64(g.s.lanes)), g.at)
		CMPQ(g.at, whole)
		JLT(LabelRef("whole"))
		Label("part")
		TESTQ(rest, rest)
		JEQ(LabelRef("done"))
		g.turn = part
		body()
		Label("done")
	})
}

// walkOverlapping ends a row of a vector or more with a whole turn that overlaps the one before; a shorter row is one masked turn.
func (g *grid) walkOverlapping(body func()) {
	CMPQ(g.cols, Imm(uint64(g.s.lanes)))
	JLT(LabelRef("narrow"))
	g.turn = g.whole()
	last := GP64()
	LEAQ(Mem{Base: g.cols, Disp: -g.s.lanes}, last)
	g.eachRow("wide", func() {
		XORQ(g.at, g.at)
		Label("turn")
		body()
		CMPQ(g.at, last)
		JGE(LabelRef("turned"))
		ADDQ(Imm(uint64(g.s.lanes)), g.at)
		CMPQ(g.at, last)
		CMOVQGT(last, g.at)
		JMP(LabelRef("turn"))
		Label("turned")
	})
	JMP(LabelRef("end"))
	Label("narrow")
	XORQ(g.at, g.at)
	part := g.lanesOf(g.cols)
	g.turn = part
	g.eachRow("part", body)
	Label("end")
}

func (g *grid) eachRow(label string, body func()) {
	Label(label)
	body()
	LEAQ(Mem{Base: g.in, Index: g.width, Scale: 8}, g.in)
	LEAQ(Mem{Base: g.place, Index: g.width, Scale: 2}, g.place)
	ADDQ(g.cols, g.row)
	DECQ(g.rows)
	JNE(LabelRef(label))
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
	at := GP64()
	LEAQ(Mem{Base: g.place, Index: g.at, Scale: 2}, at)
	all := g.s.everywhere(at)
	VPADDD(from, all, all)
	return all
}

// everywhere returns an integer in every lane.
func (s *simd) everywhere(n reg.GPVirtual) vec {
	single, all := XMM(), s.vec()
	VMOVD(n.As32(), single)
	VPBROADCASTD(single, all)
	return all
}

var tables = map[string]Mem{}

// words emits a table of numbers, once.
func words(name string, numbers ...uint32) Mem {
	if _, ok := tables[name]; !ok {
		tables[name] = GLOBL(name, RODATA|NOPTR)
		for i, w := range numbers {
			DATA(4*i, U32(w))
		}
	}
	return tables[name]
}

// every2nd returns from, from+2, from+4, …
func every2nd(from, count uint32) []uint32 {
	n := make([]uint32, count)
	for i := range n {
		n[i] = from + 2*uint32(i)
	}
	return n
}

// columns loads two vectors from a row and parts them: the even and the odd values. AVX2 has them in the order 0 1 4 5 2 3 6 7, which
// inOrder mends and startOffsets knows.
func (g *grid) columns(row Mem) (even, odd vec) {
	a, b := g.low.load(row), g.high.load(row.Offset(g.s.bytes()))
	if g.s == avx512 {
		odd = g.s.copy(a)
		VPERMT2PS(b, g.s.table(words("odds16", every2nd(1, 16)...)), odd)
		VPERMT2PS(b, g.s.table(words("evens16", every2nd(0, 16)...)), a)
		return a, odd
	}
	even, odd = YMM(), YMM()
	VSHUFPS(Imm(0x88), b, a, even)
	VSHUFPS(Imm(0xdd), b, a, odd)
	return even, odd
}

func (s *simd) table(from Mem) vec {
	to := s.vec()
	VMOVUPS(from, to)
	return to
}

func (g *grid) inOrder(v vec) vec {
	if g.s == avx2 {
		VPERMQ(Imm(0xd8), v, v)
	}
	return v
}

// startOffsets is where in a row the windows of one turn begin, in the order of columns.
func (g *grid) startOffsets() Mem {
	if g.s == avx512 {
		return words("evens16", every2nd(0, 16)...)
	}
	return words("shuffledEvens8", 0, 2, 8, 10, 4, 6, 12, 14)
}

func (s *simd) one() vec {
	v := s.vec()
	if s == avx512 {
		VPTERNLOGD(U8(0xff), v, v, v)
	} else {
		VPCMPEQD(v, v, v)
	}
	VPSRLD(Imm(31), v, v)
	return v
}

func maxPool(s *simd, kernel int) {
	TEXT(fmt.Sprintf("maxPool%d%s", kernel, s.name), NOSPLIT, "func(rows, cols, width int, x, y *float32, at *int32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("maxPool%d%s is maxPlane for %dx%d windows at stride 2, rows·cols of them, both positive.", kernel, s.name, kernel, kernel))
	g := newGrid(s, "x")
	y := Load(Param("y"), GP64())
	at := Load(Param("at"), GP64())
	wide, one := s.everywhere(g.width), s.one()
	g.walk(func() {
		row, rowPlace := g.input(), g.places(g.startOffsets())
		c := contest{s, s.vec(), s.vec()}
		for kh := range kernel {
			place := s.copy(rowPlace)
			even, odd := g.columns(Mem{Base: row})
			if kh == 0 {
				VMOVAPS(even, c.best)
				VMOVAPS(place, c.where)
				c.openWithBest()
			} else {
				c.challengeAt(even, place)
			}
			VPADDD(one, place, place)
			c.challengeAt(odd, place)
			if kernel == 3 {
				_, next := g.columns(Mem{Base: row, Disp: 4})
				VPADDD(one, place, place)
				c.challengeAt(next, place)
			}
			if kh < kernel-1 {
				LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
				VPADDD(wide, rowPlace, rowPlace)
			}
		}
		g.out.store(g.inOrder(c.best), g.result(y))
		g.out.store(g.inOrder(c.where), g.result(at))
	})
}

// maxPoolBackward compares each place with the window's four, so it writes every dx under a window once and adds nothing.
func maxPoolBackward() {
	TEXT("maxPool2Backward", NOSPLIT, "func(rows, cols, width int, at *int32, dy, dx *float32)")
	Pragma("noescape")
	Doc("maxPool2Backward is maxBackwardPlane for 2x2 windows side by side, rows·cols of them, both positive; it writes under windows only.")
	g := newGrid(avx2, "dx")
	at := Load(Param("at"), GP64())
	dy := Load(Param("dy"), GP64())
	wide, one := avx2.everywhere(g.width), avx2.one()
	g.walk(func() {
		row, place := g.input(), g.places(words("evens16", every2nd(0, 16)...))
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
	g := newGrid(avx2, "x")
	y := Load(Param("y"), GP64())
	scale, bias := avx2.parameter("scale"), avx2.parameter("bias")
	g.walk(func() {
		row := g.input()
		even, odd := g.columns(Mem{Base: row})
		sum := avx2.add(even, odd)
		LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
		even, odd = g.columns(Mem{Base: row})
		sum = avx2.add(avx2.add(sum, even), odd)
		g.out.store(g.inOrder(avx2.add(avx2.mul(scale, sum), bias)), g.result(y))
	})
}

func spreadPool() {
	TEXT("spreadPool2", NOSPLIT, "func(rows, cols, width int, dy, dx *float32, scale float32)")
	Pragma("noescape")
	Doc("spreadPool2 is spreadPlane for 2x2 windows side by side, rows·cols of them, both positive; it writes under windows only.")
	g := newGrid(avx2, "dx")
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
