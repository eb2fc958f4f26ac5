package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pools emits the plane functions of pooling at stride 2 without padding. Functions bound by memory
// exist for AVX2 only.
func pools() {
	for _, s := range []*simd{avx2, avx512} {
		maxPool(s, 2)
		maxPool(s, 3)
		maxPoolValues(s, 2)
		maxPoolValues(s, 3)
		taps(s)
	}
	splitRows()
	mergeRows()
	maxPoolBackward()
	sumPool()
	spreadPool()
}

// grid walks over the results of one plane, row by row, up to a vector at a time.
type grid struct {
	s          *simd
	rows, cols reg.GPVirtual // results
	width      reg.GPVirtual // of the input plane
	in         reg.GPVirtual // address of this row's first window
	row        reg.GPVirtual // index of this row's first result
	at         reg.GPVirtual // results done in this row
	origin     reg.GPVirtual // offset of this row's first window in the input plane
	turn
}

// turn is the lanes of one iteration.
type turn struct {
	out       lanes // of the results
	low, high lanes // of the two input vectors for a vector of results
}

// lanesOf returns the lanes for the first n results, fewer than a vector.
func (g *grid) lanesOf(n reg.Register) turn {
	return turn{g.s.firstOf(n, 1, 0, 0), g.s.firstOf(n, 2, 0, 1), g.s.firstOf(n, 2, g.s.lanes, 2)}
}

// whole is all lanes.
func (g *grid) whole() turn {
	all := lanes{s: g.s}
	return turn{all, all, all}
}

// newGrid loads the arguments rows, cols, width of the current function and the address of its
// input plane, array "in".
func newGrid(s *simd, in string) *grid {
	g := &grid{s: s}
	g.rows = Load(Param("rows"), GP64()).(reg.GPVirtual)
	g.cols = Load(Param("cols"), GP64()).(reg.GPVirtual)
	g.width = Load(Param("width"), GP64()).(reg.GPVirtual)
	g.in = Load(Param(in), GP64()).(reg.GPVirtual)
	g.row, g.at, g.origin = GP64(), GP64(), GP64()
	XORQ(g.row, g.row)
	XORQ(g.origin, g.origin)
	return g
}

// walk emits the loops, and body for each iteration.
func (g *grid) walk(body func()) {
	if g.s == avx512 {
		g.walkMasked(body)
	} else {
		g.walkOverlapping(body)
	}
	VZEROUPPER()
	RET()
}

// walkMasked ends each row with a masked iteration if a partial vector is left.
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

// walkOverlapping ends a row of at least a vector with a whole iteration that overlaps the one
// before. A shorter row is one masked iteration.
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
	LEAQ(Mem{Base: g.origin, Index: g.width, Scale: 2}, g.origin)
	ADDQ(g.cols, g.row)
	DECQ(g.rows)
	JNE(LabelRef(label))
}

// result is the address of this iteration's results in an array.
func (g *grid) result(array reg.Register) Mem {
	at := GP64()
	LEAQ(Mem{Base: g.row, Index: g.at, Scale: 1}, at)
	return Mem{Base: array, Index: at, Scale: 4}
}

// input is the address of this iteration's first window.
func (g *grid) input() reg.GPVirtual {
	at := GP64()
	LEAQ(Mem{Base: g.in, Index: g.at, Scale: 8}, at)
	return at
}

// indices returns the offset of each window in the input plane, given those of windows at 0.
func (g *grid) indices(from Mem) vec {
	at := GP64()
	LEAQ(Mem{Base: g.origin, Index: g.at, Scale: 2}, at)
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

// words emits a table of numbers once.
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

// columns loads two vectors from a row and separates the even and the odd values. On AVX2 their
// order is 0 1 4 5 2 3 6 7; inOrder restores it, startOffsets uses it.
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

// startOffsets is the offset in a row of each window of one iteration, in the order of columns.
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
	doc(fmt.Sprintf(
		"maxPool%d%s is maxPlane for rows·cols windows of %dx%d at stride 2; rows and cols are positive.", kernel,
		s.name, kernel, kernel,
	))
	g := newGrid(s, "x")
	y := Load(Param("y"), GP64())
	at := Load(Param("at"), GP64())
	wide, one := s.everywhere(g.width), s.one()
	g.walk(func() {
		rowIndex, index := g.indices(g.startOffsets()), s.vec()
		c := contest{s, s.vec(), s.vec()}
		g.eachTap(kernel, func(kh, kw int, v vec) {
			if kw > 0 {
				VPADDD(one, index, index)
			} else {
				if kh > 0 {
					VPADDD(wide, rowIndex, rowIndex)
				}
				VMOVAPS(rowIndex, index)
			}
			if kh+kw > 0 {
				c.challengeAt(v, index)
				return
			}
			VMOVAPS(v, c.best)
			VMOVAPS(index, c.where)
			c.openWithBest()
		})
		g.out.store(g.inOrder(c.best), g.result(y))
		g.out.store(g.inOrder(c.where), g.result(at))
	})
}

// maxPoolValues takes maxima by VMAXPS, which keeps the best of equal values and a NaN that it has,
// but drops a NaN that comes later. If any value is NaN it takes the vector's windows again.
func maxPoolValues(s *simd, kernel int) {
	TEXT(fmt.Sprintf("maxPoolValues%d%s", kernel, s.name), NOSPLIT, "func(rows, cols, width int, x, y *float32)")
	Pragma("noescape")
	doc(fmt.Sprintf("maxPoolValues%d%s is maxPool%d%s without indices.", kernel, s.name, kernel, s.name))
	g := newGrid(s, "x")
	y := Load(Param("y"), GP64())
	turns := 0
	g.walk(func() {
		turns++
		nan, done := fmt.Sprintf("nan%d", turns), fmt.Sprintf("stored%d", turns)
		best, compared := s.vec(), vec(nil)
		n := newNaNs(s)
		g.eachTap(kernel, func(kh, kw int, v vec) {
			if kh+kw == 0 {
				VMOVAPS(v, best)
			} else {
				VMAXPS(best, v, best)
			}
			if compared == nil && kh+kw < 2*(kernel-1) {
				compared = v // with the next tap
				return
			}
			if compared == nil {
				compared = v
			}
			n.compare(compared, v)
			compared = nil
		})
		n.jumpIfAny(nan)
		g.out.store(g.inOrder(best), g.result(y))
		JMP(LabelRef(done))
		Label(nan)
		c := contest{s: s, best: s.vec()}
		g.eachTap(kernel, func(kh, kw int, v vec) {
			if kh+kw > 0 {
				c.challengeForValue(v)
				return
			}
			VMOVAPS(v, c.best)
			c.openWithBest()
		})
		g.out.store(g.inOrder(c.best), g.result(y))
		Label(done)
	})
}

// eachTap loads the taps of a vector of windows in reading order: row kh and column kw of each.
func (g *grid) eachTap(kernel int, do func(kh, kw int, v vec)) {
	row := g.input()
	for kh := range kernel {
		even, odd := g.columns(Mem{Base: row})
		do(kh, 0, even)
		do(kh, 1, odd)
		if kernel == 3 {
			_, next := g.columns(Mem{Base: row, Disp: 4})
			do(kh, 2, next)
		}
		if kh < kernel-1 {
			LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
		}
	}
}

// nans collects whether any compared values are NaN.
type nans struct {
	s   *simd
	any vec // AVX2; AVX-512 has K6
}

func newNaNs(s *simd) nans {
	n := nans{s: s}
	if s == avx512 {
		KXORW(reg.K6, reg.K6, reg.K6)
		return n
	}
	n.any = s.vec()
	VXORPS(n.any, n.any, n.any)
	return n
}

func (n nans) compare(a, b vec) {
	if n.s == avx512 {
		VCMPPS(Imm(unordered), a, b, reg.K7)
		KORW(reg.K7, reg.K6, reg.K6)
		return
	}
	pair := n.s.vec()
	VCMPPS(Imm(unordered), a, b, pair)
	VORPS(pair, n.any, n.any)
}

func (n nans) jumpIfAny(label string) {
	if n.s == avx512 {
		KORTESTW(reg.K6, reg.K6)
		JNE(LabelRef(label))
		return
	}
	bits := GP32()
	VMOVMSKPS(n.any, bits)
	TESTL(bits, bits)
	JNE(LabelRef(label))
}

// maxPoolBackward compares the index of each element with its window's maximum, so it writes every
// dx in a window once and adds nothing.
func maxPoolBackward() {
	TEXT("maxPool2Backward", NOSPLIT, "func(rows, cols, width int, at *int32, dy, dx *float32)")
	Pragma("noescape")
	doc("maxPool2Backward is maxBackwardPlane for rows·cols windows of 2x2 at stride 2; rows and cols are " +
		"positive. It writes only elements in windows.")
	g := newGrid(avx2, "dx")
	at := Load(Param("at"), GP64())
	dy := Load(Param("dy"), GP64())
	wide, one := avx2.everywhere(g.width), avx2.one()
	g.walk(func() {
		row, index := g.input(), g.indices(words("evens16", every2nd(0, 16)...))
		where, d := g.out.load(g.result(at)), g.out.load(g.result(dy))
		for kh := range 2 {
			if kh == 1 {
				LEAQ(Mem{Base: row, Index: g.width, Scale: 4}, row)
				VPADDD(wide, index, index)
			}
			left, right, next := YMM(), YMM(), YMM()
			VPCMPEQD(index, where, left)
			VANDPS(d, left, left)
			VPADDD(one, index, next)
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

// sumPool adds in reading order, unfused: it gives the portable code's bits.
func sumPool() {
	TEXT("sumPool2", NOSPLIT, "func(rows, cols, width int, x, y *float32, scale, bias float32)")
	Pragma("noescape")
	doc("sumPool2 is sumPlane for rows·cols windows of 2x2 at stride 2; rows and cols are positive.")
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
	doc("spreadPool2 is spreadPlane for rows·cols windows of 2x2 at stride 2; rows and cols are positive. It " +
		"writes only elements in windows.")
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
