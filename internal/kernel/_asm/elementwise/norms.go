package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// norms emits the row functions of LRN, with the portable code's operations in its order: at Beta =
// 0.75 the bits are the same.
func norms(s *simd) {
	for _, p := range []power{
		{"", "0.75, whatever beta is", func(s *simd, x vec) vec { return s.inversePower(x) }},
		{"Power", "beta", (*simd).anyInversePower},
	} {
		normRow(s, p)
		normBackwardRow(s, p)
	}
	normSpreadRow(s)
}

// power is a way to compute x^-beta.
type power struct {
	name, beta string
	of         func(s *simd, x vec) vec
}

// scale emits base + alpha·Σ v² over count rows; the first is at from, and they are a stride apart.
func (s *simd) scale(l lanes, base, alpha vec, from Mem, stride, count reg.Register) vec {
	sum := s.copy(base)
	s.eachRow(l, from, stride, count, func(v vec) {
		VADDPS(s.mul(alpha, s.mul(v, v)), sum, sum)
	})
	return sum
}

// eachRow emits a loop over count rows.
func (s *simd) eachRow(l lanes, from Mem, stride, count reg.Register, body func(v vec)) {
	label := "rowsofwhole"
	if l.mask != nil {
		label = "rowsofpart"
	}
	row, left := GP64(), GP64()
	LEAQ(from, row)
	MOVQ(count, left)
	Label(label)
	body(l.load(Mem{Base: row}))
	ADDQ(stride, row)
	DECQ(left)
	JNE(LabelRef(label))
}

// inversePower returns x^-0.75.
func (s *simd) inversePower(x vec) vec {
	root := s.sqrt(x)
	return s.div(s.number(1), s.mul(root, s.sqrt(root)))
}

// anyInversePower returns x^-beta as e^(-beta·ln x), beta an argument; x must be positive and
// normal. The relative error is about 1e-7·(1 + |beta·ln x|).
func (s *simd) anyInversePower(x vec) vec {
	return s.exp(s.sub(s.zero(), s.mul(s.parameter("beta"), s.log(x))))
}

// rootHalfBits is √0.5.
const rootHalfBits = 0x3f3504f3

// log returns ln x for a positive x, NaN for NaN: x = 2^n·(1+m) with 1+m from √0.5 to √2, and the
// polynomial of Cephes' logf (Moshier) in m. For infinity the result is slightly above that of the
// largest number.
func (s *simd) log(x vec) vec {
	exponent, fraction := s.vec(), s.vec()
	VPSUBD(s.word(rootHalfBits), x, exponent)
	VPSRAD(Imm(23), exponent, exponent)
	VPSLLD(Imm(23), exponent, fraction)
	VPSUBD(fraction, x, fraction)
	n := s.vec()
	VCVTDQ2PS(exponent, n)
	m := s.sub(fraction, s.number(1))
	square := s.mul(m, m)
	p := s.number(7.0376836292e-2)
	for _, c := range []float32{-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
		2.0000714765e-1,
		-2.4999993993e-1, 3.3333331174e-1} {
		p = fma(p, m, s.number(c))
	}
	small := s.mul(s.mul(p, m), square)
	small = fma(n, s.number(-2.12194440e-4), small)
	small = fnma(s.number(0.5), square, small)
	sum := fma(n, s.number(0.693359375), s.add(m, small))
	return s.add(sum, s.where(unordered, x, x, x))
}

// normArguments holds the arguments that all row functions share, advanced by the elements done.
type normArguments struct {
	n             reg.GPVirtual
	rows          reg.Register // the first of the neighbouring rows
	stride, count reg.Register
	at            reg.GPVirtual
}

func (s *simd) normArguments() normArguments {
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	rows := Load(Param("rows"), GP64())
	stride := Load(Param("stride"), GP64())
	count := Load(Param("count"), GP64())
	SHLQ(Imm(2), stride)
	at := GP64()
	XORQ(at, at)
	return normArguments{n: n, rows: rows, stride: stride, count: count, at: at}
}

// parameter returns a float32 argument in every lane. It doesn't use avo's Load, whose MOVSS costs
// some 100 cycles among AVX instructions.
func (s *simd) parameter(name string) vec {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return s.broadcast(at.Addr)
}

func (a normArguments) here(array reg.Register) Mem { return Mem{Base: array, Index: a.at, Scale: 1} }

func normRow(s *simd, p power) {
	TEXT(
		"norm"+p.name+"Row"+s.name, NOSPLIT,
		"func(n int, rows *float32, stride, count int, k, alpha, beta float32, x, y *float32)",
	)
	Pragma("noescape")
	doc("norm" + p.name + "Row" + s.name + " is y = x·(k + alpha·Σ squares of count rows)^-b for n pixels; b is " +
		p.beta + ".")
	a := s.normArguments()
	base, alpha := s.parameter("k"), s.parameter("alpha")
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	s.over("", a.n, func(l lanes) {
		factor := p.of(s, s.scale(l, base, alpha, a.here(a.rows), a.stride, a.count))
		l.store(s.mul(l.load(a.here(x)), factor), a.here(y))
	}, func() { ADDQ(Imm(uint64(s.bytes())), a.at) })
	VZEROUPPER()
	RET()
}

func normBackwardRow(s *simd, p power) {
	TEXT("norm"+p.name+"BackwardRow"+s.name, NOSPLIT,
		"func(n int, rows *float32, stride, count int, k, alpha, beta float32, y, dy, dx, ratio *float32)")
	Pragma("noescape")
	doc("norm" + p.name + "BackwardRow" + s.name + " is dx = dy·s^-b, ratio = dy·y/s with normRow's s; b is " +
		p.beta + ".")
	a := s.normArguments()
	base, alpha := s.parameter("k"), s.parameter("alpha")
	y := Load(Param("y"), GP64())
	dy := Load(Param("dy"), GP64())
	dx := Load(Param("dx"), GP64())
	ratio := Load(Param("ratio"), GP64())
	s.over("", a.n, func(l lanes) {
		scale := s.scale(l, base, alpha, a.here(a.rows), a.stride, a.count)
		d := l.load(a.here(dy))
		l.store(s.mul(d, p.of(s, scale)), a.here(dx))
		l.store(s.div(s.mul(d, l.load(a.here(y))), scale), a.here(ratio))
	}, func() { ADDQ(Imm(uint64(s.bytes())), a.at) })
	VZEROUPPER()
	RET()
}

func normSpreadRow(s *simd) {
	TEXT(
		"normSpreadRow"+s.name, NOSPLIT,
		"func(n int, rows *float32, stride, count int, factor float32, x, dx *float32)",
	)
	Pragma("noescape")
	doc("normSpreadRow" + s.name + " is dx -= factor·x·Σ of count rows.")
	a := s.normArguments()
	factor := s.parameter("factor")
	x := Load(Param("x"), GP64())
	dx := Load(Param("dx"), GP64())
	s.over("", a.n, func(l lanes) {
		sum := s.zero()
		s.eachRow(l, a.here(a.rows), a.stride, a.count, func(v vec) { VADDPS(v, sum, sum) })
		l.store(s.sub(l.load(a.here(dx)), s.mul(s.mul(factor, l.load(a.here(x))), sum)), a.here(dx))
	}, func() { ADDQ(Imm(uint64(s.bytes())), a.at) })
	VZEROUPPER()
	RET()
}
