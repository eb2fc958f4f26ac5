package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// taps emits the functions for windows of any size. A plane is laid out beforehand so that a tap of the windows, for a row of results,
// is one run of elements at an offset: the taps are a table, and one loop over it serves all geometries.
func taps(s *simd) {
	maxTaps(s)
	maxRows(s)
	sumTaps(s)
	pickRows(s)
}

// band is a walk over rows of results, a vector a turn; what is left of a row is one masked turn.
type band struct {
	s    *simd
	cols reg.GPVirtual
	at   reg.GPVirtual // elements done of this row
}

func newBand(s *simd) *band {
	return &band{s: s, cols: Load(Param("cols"), GP64()).(reg.GPVirtual), at: GP64()}
}

// walk emits the loops, turn for each vector and next behind each row, and returns.
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

// here is this turn's part of an array's row.
func (b *band) here(array reg.Register) Mem { return Mem{Base: array, Index: b.at, Scale: 4} }

// forward moves arrays on by a number of elements that is an argument.
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

// eachTap emits a loop over the taps: pairs of an element's offset and its place.
func (b *band) eachTap(l lanes, body func(offset reg.Register, place Mem)) {
	tap := Load(Param("taps"), GP64())
	offset := GP64()
	l.loop(func() {
		MOVLQSX(Mem{Base: tap}, offset)
		ADDQ(b.at, offset)
		body(offset, Mem{Base: tap, Disp: 4})
		ADDQ(Imm(8), tap)
	})
}

// contest finds the first of the largest: a value replaces the best if it is above it (or NaN, unless the best is NaN).
type contest struct {
	s           *simd
	best, where vec
}

// open says that the best is no NaN.
func (c contest) open() {
	if c.s == avx512 {
		KXNORW(reg.K4, reg.K4, reg.K4)
	}
}

// openWithBest looks whether it is.
func (c contest) openWithBest() {
	if c.s == avx512 {
		VCMPPS(Imm(ordered), c.best, c.best, reg.K4)
	}
}

// challenge: K4 is where the best is a number. It is kept beside the best, so that neither waits for the other. AVX2 has no masks and wants the
// place in a register.
func (c contest) challenge(v vec, replaceMasked func(mask reg.Register), place func() vec) {
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
	VBLENDVPS(above, place(), c.where, c.where)
}

func (c contest) challengeAt(v, place vec) {
	c.challenge(v, func(mask reg.Register) { VMOVDQA32(place, mask, c.where) }, func() vec { return place })
}

// maxTaps: a window's place is where it begins in the plane, maybe outside; where the plane is outside, x holds -Inf, which never wins.
// A window of nothing else keeps the place of its first element inside.
func maxTaps(s *simd) {
	TEXT("maxTaps"+s.name, NOSPLIT,
		"func(rows, cols, step int, x *float32, n int, taps, starts, firsts *int32, place, placeStep int, y *float32, at *int32)")
	Pragma("noescape")
	Doc("maxTaps"+s.name+" sets y and at to the largest of n taps (offset in x, place from the window's start) and its place, for rows·cols",
		"windows, all positive. x goes on by step elements a row and place, the row's, by placeStep. A column's windows start at starts and see the",
		"plane from firsts on.")
	b := newBand(s)
	x, starts, firsts := Load(Param("x"), GP64()), Load(Param("starts"), GP64()), Load(Param("firsts"), GP64())
	place := Load(Param("place"), GP64()).(reg.GPVirtual)
	y, at := Load(Param("y"), GP64()), Load(Param("at"), GP64())
	inside := GP64()
	b.walk(func(l lanes) {
		c := contest{s, s.word(0xff800000), s.vec()} // -Inf
		XORQ(inside, inside)
		CMPQ(place, inside)
		CMOVQGT(place, inside)
		start := s.everywhere(place)
		VPADDD(l.load(b.here(starts)), start, start)
		VPADDD(l.load(b.here(firsts)), s.everywhere(inside), c.where)
		c.open()
		b.eachTap(l, func(offset reg.Register, place Mem) {
			c.challenge(l.load(Mem{Base: x, Index: offset, Scale: 4}),
				func(mask reg.Register) { VPADDD_BCST(place, start, mask, c.where) },
				func() vec {
					to := s.vec()
					VPBROADCASTD(place, to)
					VPADDD(start, to, to)
					return to
				})
		})
		l.store(c.best, b.here(y))
		l.store(c.where, b.here(at))
	}, func() {
		forward("step", x)
		forward("cols", y, at)
		step := Load(Param("placeStep"), GP64())
		ADDQ(step, place)
	})
}

func maxRows(s *simd) {
	TEXT("maxRows"+s.name, NOSPLIT, "func(rows, cols, step, n int, x *float32, places *int32, y *float32, at *int32)")
	Pragma("noescape")
	Doc("maxRows"+s.name+" sets each of rows rows of y and at to the largest of n rows of x and their places, cols a row, all positive. x and places",
		"go on by step elements a row.")
	b := newBand(s)
	x, places := Load(Param("x"), GP64()), Load(Param("places"), GP64())
	y, at := Load(Param("y"), GP64()), Load(Param("at"), GP64())
	b.walk(func(l lanes) {
		c := contest{s, l.load(b.here(x)), l.load(b.here(places))}
		c.openWithBest()
		offset := GP64()
		MOVQ(b.at, offset)
		l.loop(func() {
			c.challengeAt(l.load(Mem{Base: x, Index: offset, Scale: 4}), l.load(Mem{Base: places, Index: offset, Scale: 4}))
			ADDQ(b.cols, offset)
		})
		l.store(c.best, b.here(y))
		l.store(c.where, b.here(at))
	}, func() {
		forward("step", x, places)
		forward("cols", y, at)
	})
}

// sumTaps adds in the order of the taps, unfused: the portable code's bits.
func sumTaps(s *simd) {
	TEXT("sumTaps"+s.name, NOSPLIT, "func(rows, cols, step, outStep int, x *float32, n int, taps *int32, y *float32, scale, bias float32)")
	Pragma("noescape")
	Doc("sumTaps" + s.name + " sets y to the sum of n taps of x times scale plus bias; rows, cols and n are positive.")
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

// pickRows lays rows out by the phases of their columns, for any stride up to a vector: of each vector read it takes every stride-th element.
func pickRows(s *simd) {
	TEXT("pickRows"+s.name, NOSPLIT, "func(rows, cols, step, outStep int, x *float32, picks *int32, read, picked int, y *float32)")
	Pragma("noescape")
	Doc("pickRows"+s.name+" moves the picked elements of each read of a row of cols elements together, by their places in the read. Behind the last it",
		"writes up to 15 elements that mean nothing. rows, cols, read and picked are positive.")
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

// mergeRows is AVX2's only: memory sets its pace.
func mergeRows() {
	TEXT("mergeRows", NOSPLIT, "func(rows, cols, step, outStep int, even, odd, x *float32)")
	Pragma("noescape")
	Doc("mergeRows puts rows of cols elements each, both positive, at even and at odd places of x.")
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
