package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// taps emits the functions for windows of any size. The plane has a layout in which a tap of a row
// of results is one run of elements at an offset. The taps are a table, and one loop over it serves
// all geometries.
func taps(s *simd) {
	maxTaps(s)
	maxRows(s)
	sumTaps(s)
	pickRows(s)
}

// band walks over rows of results, a vector at a time; a partial vector at the end of a row is one
// masked iteration. If the results may be computed twice, only rows shorter than a vector need
// that: else the last vector overlaps the one before it.
type band struct {
	s     *simd
	cols  reg.GPVirtual
	at    reg.GPVirtual // elements done in this row
	twice bool
}

func newBand(s *simd) *band {
	return &band{s: s, cols: Load(Param("cols"), GP64()).(reg.GPVirtual), at: GP64()}
}

// walk emits the loops, with turn for each vector and next after each row, and returns from the
// function.
func (b *band) walk(turn func(l lanes), next func()) {
	b.loops(turn, next)
	VZEROUPPER()
	RET()
}

func (b *band) loops(turn func(l lanes), next func()) {
	rows := Load(Param("rows"), GP64())
	whole, rest := GP64(), GP64()
	MOVQ(b.cols, whole)
	ANDQ(I32(int32(-b.s.lanes)), whole)
	MOVQ(b.cols, rest)
	SUBQ(whole, rest)
	part := b.s.first(rest, 0)
	if b.twice {
		b.overlapping(rows, part, turn, next)
		return
	}
	Label("row")
	XORQ(b.at, b.at)
	CMPQ(b.at, whole)
	JEQ(LabelRef("part"))
	Label("whole")
	turn(lanes{s: b.s})
	ADDQ(Imm(uint64(b.s.lanes)), b.at)
	CMPQ(b.at, whole)
	JLT(LabelRef("whole"))
	Label("part")
	CMPQ(b.at, b.cols)
	JEQ(LabelRef("done"))
	turn(part)
	Label("done")
	next()
	DECQ(rows)
	JNE(LabelRef("row"))
}

// overlapping is loops for results that may be computed twice.
func (b *band) overlapping(rows reg.Register, part lanes, turn func(l lanes), next func()) {
	last := GP64()
	Label("row")
	XORQ(b.at, b.at)
	LEAQ(Mem{Base: b.cols, Disp: -b.s.lanes}, last)
	CMPQ(last, Imm(0))
	JLT(LabelRef("part"))
	Label("whole")
	CMPQ(b.at, last)
	CMOVQGT(last, b.at)
	turn(lanes{s: b.s})
	ADDQ(Imm(uint64(b.s.lanes)), b.at)
	CMPQ(b.at, b.cols)
	JLT(LabelRef("whole"))
	JMP(LabelRef("done"))
	Label("part")
	turn(part)
	Label("done")
	next()
	DECQ(rows)
	JNE(LabelRef("row"))
}

// here is this iteration's part of an array's row.
func (b *band) here(array reg.Register) Mem { return Mem{Base: array, Index: b.at, Scale: 4} }

// forward moves arrays by the number of elements in an argument.
func forward(argument string, arrays ...reg.Register) {
	step := Load(Param(argument), GP64())
	for _, a := range arrays {
		LEAQ(Mem{Base: a, Index: step, Scale: 4}, a)
	}
}

// loop emits a loop over the argument n, which is positive.
func (l lanes) loop(body func()) {
	label := "tapofwhole"
	if l.mask != nil {
		label = "tapofpart"
	}
	left := Load(Param("n"), GP64())
	Label(label)
	body()
	DECQ(left)
	JNE(LabelRef(label))
}

// eachTap emits a loop over the taps, which are pairs of an offset and an index.
func (b *band) eachTap(l lanes, body func(offset reg.Register, index Mem)) {
	tap := Load(Param("taps"), GP64())
	offset := GP64()
	l.loop(func() {
		MOVLQSX(Mem{Base: tap}, offset)
		ADDQ(b.at, offset)
		body(offset, Mem{Base: tap, Disp: 4})
		ADDQ(Imm(8), tap)
	})
}

// contest finds the first of the largest values: a value replaces the best if it is larger, or if
// it is NaN and the best isn't.
type contest struct {
	s           *simd
	best, where vec
}

// open starts a contest whose best is no NaN.
func (c contest) open() {
	if c.s == avx512 {
		KXNORW(reg.K4, reg.K4, reg.K4)
	}
}

// openWithBest starts a contest whose best may be NaN.
func (c contest) openWithBest() {
	if c.s == avx512 {
		VCMPPS(Imm(ordered), c.best, c.best, reg.K4)
	}
}

// challenge compares v with the best. K4 has the lanes where the best is a number; updating it
// beside the best keeps the two from waiting for each other. AVX2 has no masks and takes the index
// in a register.
func (c contest) challenge(v vec, replaceMasked func(mask reg.Register), index func() vec) {
	if c.s == avx512 {
		VCMPPS(Imm(notLessOrEqual), c.best, v, reg.K4, reg.K5)
		VCMPPS(Imm(ordered), v, v, reg.K4, reg.K4)
		VMOVAPS(v, reg.K5, c.best)
		replaceMasked(reg.K5)
		return
	}
	above, number := YMM(), YMM()
	VCMPPS(Imm(notLessOrEqual), c.best, v, above)
	VCMPPS(Imm(ordered), c.best, c.best, number)
	VANDPS(number, above, above)
	VBLENDVPS(above, v, c.best, c.best)
	if index != nil {
		VBLENDVPS(above, index(), c.where, c.where)
	}
}

// challengeForValue is challenge if nobody asks for the index.
func (c contest) challengeForValue(v vec) { c.challenge(v, func(reg.Register) {}, nil) }

func (c contest) challengeAt(v, index vec) {
	c.challenge(v, func(mask reg.Register) { VMOVDQA32(index, mask, c.where) }, func() vec { return index })
}

// maxTaps: a window's origin is the index in the plane where it begins, which may be outside.
// Outside the plane x holds -Inf, which never wins. A window of -Inf alone keeps the index of its
// first element inside.
func maxTaps(s *simd) {
	TEXT("maxTaps"+s.name, NOSPLIT,
		"func(rows, cols, step int, x *float32, n int, taps, starts, firsts *int32, origin, originStep int, "+
			"y *float32, at *int32)")
	Pragma("noescape")
	doc("maxTaps" + s.name + " sets y and at to the largest of n taps (offset in x, index from the window's " +
		"start) and its index, for rows·cols windows, all positive. After a row of windows, x advances by step " +
		"elements and origin by originStep. A column's windows start at starts; their first column inside the " +
		"plane is firsts.")
	b := newBand(s)
	x, starts, firsts := Load(Param("x"), GP64()), Load(Param("starts"), GP64()), Load(Param("firsts"), GP64())
	origin := Load(Param("origin"), GP64()).(reg.GPVirtual)
	y, at := Load(Param("y"), GP64()), Load(Param("at"), GP64())
	inside := GP64()
	b.walk(func(l lanes) {
		c := contest{s, s.word(0xff800000), s.vec()} // -Inf
		XORQ(inside, inside)
		CMPQ(origin, inside)
		CMOVQGT(origin, inside)
		start := s.everywhere(origin)
		VPADDD(l.load(b.here(starts)), start, start)
		VPADDD(l.load(b.here(firsts)), s.everywhere(inside), c.where)
		c.open()
		b.eachTap(l, func(offset reg.Register, index Mem) {
			c.challenge(l.load(Mem{Base: x, Index: offset, Scale: 4}),
				func(mask reg.Register) { VPADDD_BCST(index, start, mask, c.where) },
				func() vec {
					to := s.vec()
					VPBROADCASTD(index, to)
					VPADDD(start, to, to)
					return to
				})
		})
		l.store(c.best, b.here(y))
		l.store(c.where, b.here(at))
	}, func() {
		forward("step", x)
		forward("cols", y, at)
		step := Load(Param("originStep"), GP64())
		ADDQ(step, origin)
	})
}

func maxRows(s *simd) {
	TEXT("maxRows"+s.name, NOSPLIT, "func(rows, cols, step, n int, x *float32, indices *int32, y *float32, at *int32)")
	Pragma("noescape")
	doc("maxRows" + s.name + " sets each of rows rows of y and at, of cols elements, to the largest of n rows of x " +
		"and " +
		"its index, all positive. After a row, x and indices advance by step elements.")
	b := newBand(s)
	x, indices := Load(Param("x"), GP64()), Load(Param("indices"), GP64())
	y, at := Load(Param("y"), GP64()), Load(Param("at"), GP64())
	b.walk(func(l lanes) {
		c := contest{s, l.load(b.here(x)), l.load(b.here(indices))}
		c.openWithBest()
		offset := GP64()
		MOVQ(b.at, offset)
		l.loop(func() {
			c.challengeAt(
				l.load(Mem{Base: x, Index: offset, Scale: 4}), l.load(Mem{Base: indices, Index: offset, Scale: 4}),
			)
			ADDQ(b.cols, offset)
		})
		l.store(c.best, b.here(y))
		l.store(c.where, b.here(at))
	}, func() {
		forward("step", x, indices)
		forward("cols", y, at)
	})
}

// sumTaps adds in the order of the taps, unfused: it gives the portable code's bits.
func sumTaps(s *simd) {
	TEXT(
		"sumTaps"+s.name, NOSPLIT,
		"func(rows, cols, step, outStep int, x *float32, n int, taps *int32, y *float32, scale, bias float32)",
	)
	Pragma("noescape")
	doc("sumTaps" + s.name + " sets y to the sum of n taps of x times scale plus bias; rows, cols and n are positive.")
	b := newBand(s)
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	scale, bias := s.parameter("scale"), s.parameter("bias")
	b.walk(func(l lanes) {
		sum := s.zero()
		b.eachTap(l, func(offset reg.Register, _ Mem) {
			VADDPS(l.load(Mem{Base: x, Index: offset, Scale: 4}), sum, sum)
		})
		l.store(s.add(s.mul(scale, sum), bias), b.here(y))
	}, func() {
		forward("step", x)
		forward("outStep", y)
	})
}

// pickRows sorts rows by the phases of their columns, for any stride up to a vector: of each vector
// that it reads it takes every stride-th element.
func pickRows(s *simd) {
	TEXT(
		"pickRows"+s.name, NOSPLIT,
		"func(rows, cols, step, outStep int, x *float32, picks *int32, read, picked int, y *float32)",
	)
	Pragma("noescape")
	doc("pickRows" + s.name + " compacts rows of cols elements: of each read elements it writes the picked ones, at " +
		"indices picks. Past the last one it writes up to 15 undefined elements. rows, cols, read and picked are " +
		"positive.")
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	read, picked := Load(Param("read"), GP64()), Load(Param("picked"), GP64())
	picks := s.vec()
	VMOVUPS(Mem{Base: Load(Param("picks"), GP64())}, picks)
	from, to, left, count := GP64(), GP64(), GP64(), GP64()
	turn := func(l lanes) {
		v := l.load(Mem{Base: from})
		VPERMPS(v, picks, v)
		VMOVUPS(v, Mem{Base: to})
		LEAQ(Mem{Base: from, Index: read, Scale: 4}, from)
		LEAQ(Mem{Base: to, Index: picked, Scale: 4}, to)
		SUBQ(read, left)
	}
	Label("row")
	MOVQ(x, from)
	MOVQ(y, to)
	MOVQ(cols, left)
	Label("whole")
	CMPQ(left, Imm(uint64(s.lanes)))
	JLT(LabelRef("part"))
	turn(lanes{s: s})
	JMP(LabelRef("whole"))
	Label("part")
	CMPQ(left, Imm(0))
	JLE(LabelRef("done"))
	MOVQ(left, count)
	turn(s.first(count, 0))
	JMP(LabelRef("part"))
	Label("done")
	forward("step", x)
	forward("outStep", y)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// splitRows exists for AVX2 only: memory bounds its speed. A whole turn loads the halves of its
// vectors in the order in which a shuffle leaves the columns sorted.
func splitRows() {
	TEXT("splitRows", NOSPLIT, "func(rows, cols, step, outStep int, x, even, odd *float32)")
	Pragma("noescape")
	doc("splitRows writes the even and the odd columns of rows of cols elements of x to even and odd, and up to 7 " +
		"zeros after them; rows and cols are positive.")
	const turn = 16
	rows, cols := Load(Param("rows"), GP64()), Load(Param("cols"), GP64())
	x, even, odd := Load(Param("x"), GP64()), Load(Param("even"), GP64()), Load(Param("odd"), GP64())
	rest := GP64()
	MOVQ(cols, rest)
	ANDQ(Imm(turn-1), rest)
	low, high := avx2.firstOf(rest, 1, 0, 1), avx2.firstOf(rest, 1, avx2.lanes, 2)
	from, at, left := GP64(), GP64(), GP64()
	split := func(a, b vec) (evens, odds vec) {
		evens, odds = YMM(), YMM()
		VSHUFPS(Imm(0x88), b, a, evens)
		VSHUFPS(Imm(0xdd), b, a, odds)
		return evens, odds
	}
	store := func(evens, odds vec) {
		VMOVUPS(evens, Mem{Base: even, Index: at, Scale: 4})
		VMOVUPS(odds, Mem{Base: odd, Index: at, Scale: 4})
	}
	Label("row")
	MOVQ(x, from)
	XORQ(at, at)
	MOVQ(cols, left)
	Label("whole")
	SUBQ(Imm(turn), left)
	JLT(LabelRef("part"))
	a, b := YMM(), YMM()
	VMOVUPS(Mem{Base: from}, a.AsX())
	VINSERTF128(Imm(1), Mem{Base: from, Disp: 32}, a, a)
	VMOVUPS(Mem{Base: from, Disp: 16}, b.AsX())
	VINSERTF128(Imm(1), Mem{Base: from, Disp: 48}, b, b)
	store(split(a, b))
	ADDQ(Imm(4*turn), from)
	ADDQ(Imm(turn/2), at)
	JMP(LabelRef("whole"))
	Label("part")
	TESTQ(rest, rest)
	JEQ(LabelRef("done"))
	evens, odds := split(low.load(Mem{Base: from}), high.load(Mem{Base: from, Disp: 32}))
	VPERMQ(Imm(0xd8), evens, evens)
	VPERMQ(Imm(0xd8), odds, odds)
	store(evens, odds)
	Label("done")
	forward("step", x)
	forward("outStep", even, odd)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// mergeRows exists for AVX2 only: memory bounds its speed.
func mergeRows() {
	TEXT("mergeRows", NOSPLIT, "func(rows, cols, step, outStep int, even, odd, x *float32)")
	Pragma("noescape")
	doc("mergeRows writes even and odd, rows of cols elements, to the even and odd indices of x; rows and cols are " +
		"positive.")
	b := newBand(avx2)
	x, even, odd := Load(Param("x"), GP64()), Load(Param("even"), GP64()), Load(Param("odd"), GP64())
	rest := GP64()
	MOVQ(b.cols, rest)
	ANDQ(Imm(uint64(avx2.lanes-1)), rest)
	part := turn{low: avx2.firstOf(rest, 2, 0, 1), high: avx2.firstOf(rest, 2, avx2.lanes, 2)}
	b.walk(func(l lanes) {
		g := grid{s: avx2, turn: turn{low: l, high: l}}
		if l.mask != nil {
			g.turn = part
		}
		g.storePairs(l.load(b.here(even)), l.load(b.here(odd)), Mem{Base: x, Index: b.at, Scale: 8})
	}, func() {
		forward("step", even, odd)
		forward("outStep", x)
	})
}
