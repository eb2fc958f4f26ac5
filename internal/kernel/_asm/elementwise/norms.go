package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// norms emits the row functions of LRN at Beta = 0.75, with the portable code's operations in its order: the bits are the same.
func norms(s *simd) {
	normRow(s)
	normBackwardRow(s)
	normSpreadRow(s)
}

// scale emits base + alpha·Σ v² over count rows, the first at from, a stride apart.
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

// normArguments are those that all row functions have, and how far they have come.
type normArguments struct {
	n             reg.GPVirtual
	rows          reg.Register // first of the neighbouring rows
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

// parameter returns a float32 argument in every lane. Not by avo's Load, whose MOVSS costs some 100 cycles among AVX instructions.
func (s *simd) parameter(name string) vec {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return s.broadcast(at.Addr)
}

func (a normArguments) here(array reg.Register) Mem { return Mem{Base: array, Index: a.at, Scale: 1} }

func normRow(s *simd) {
	TEXT("normRow"+s.name, NOSPLIT, "func(n int, rows *float32, stride, count int, k, alpha float32, x, y *float32)")
	Pragma("noescape")
	Doc("normRow" + s.name + " is y = x·(k + alpha·Σ squares of count rows)^-0.75 for n pixels.")
	a := s.normArguments()
	base, alpha := s.parameter("k"), s.parameter("alpha")
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	s.over("", a.n, func(l lanes) {
		factor := s.inversePower(s.scale(l, base, alpha, a.here(a.rows), a.stride, a.count))
		l.store(s.mul(l.load(a.here(x)), factor), a.here(y))
	}, func() { ADDQ(Imm(uint64(s.bytes())), a.at) })
	VZEROUPPER()
	RET()
}

func normBackwardRow(s *simd) {
	TEXT("normBackwardRow"+s.name, NOSPLIT,
		"func(n int, rows *float32, stride, count int, k, alpha float32, y, dy, dx, ratio *float32)")
	Pragma("noescape")
	Doc("normBackwardRow" + s.name + " is dx = dy·s^-0.75, ratio = dy·y/s with normRow's s.")
	a := s.normArguments()
	base, alpha := s.parameter("k"), s.parameter("alpha")
	y := Load(Param("y"), GP64())
	dy := Load(Param("dy"), GP64())
	dx := Load(Param("dx"), GP64())
	ratio := Load(Param("ratio"), GP64())
	s.over("", a.n, func(l lanes) {
		scale := s.scale(l, base, alpha, a.here(a.rows), a.stride, a.count)
		d := l.load(a.here(dy))
		l.store(s.mul(d, s.inversePower(scale)), a.here(dx))
		l.store(s.div(s.mul(d, l.load(a.here(y))), scale), a.here(ratio))
	}, func() { ADDQ(Imm(uint64(s.bytes())), a.at) })
	VZEROUPPER()
	RET()
}

func normSpreadRow(s *simd) {
	TEXT("normSpreadRow"+s.name, NOSPLIT, "func(n int, rows *float32, stride, count int, factor float32, x, dx *float32)")
	Pragma("noescape")
	Doc("normSpreadRow" + s.name + " is dx -= factor·x·Σ of count rows.")
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
