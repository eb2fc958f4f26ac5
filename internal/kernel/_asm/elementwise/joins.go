package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// joins emits the arithmetic on two tensors.
func joins(s *simd) {
	elements(s, "add", "c = a + b", "ab", "c", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.add(in[0], in[1])}
	})
	elements(s, "multiply", "c = a·b", "ab", "c", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.mul(in[0], in[1])}
	})
	scaleRows(s)
	dotRows(s)
	planeNorms(s)
}

// planeNorms emits the normalization of a plane by its constants.
func planeNorms(s *simd) {
	line := func(in []vec, k func(int) vec) vec { return s.add(s.mul(s.sub(in[0], k(0)), k(1)), k(2)) }
	elements(s, "normPlane", "b = (a - k[0])·k[1] + k[2]", "a", "b", func(in []vec, k func(int) vec) []vec {
		return []vec{line(in, k)}
	})
	elements(s, "normPlaneWithin", "normPlane, at least k[3] and at most k[4]", "a", "b",
		func(in []vec, k func(int) vec) []vec { return []vec{s.min(k(4), s.max(k(3), line(in, k)))} })
	elements(s, "normPlaneAdded", "normPlane + c, at least k[3] and at most k[4]", "ac", "b",
		func(in []vec, k func(int) vec) []vec {
			return []vec{s.min(k(4), s.max(k(3), s.add(line(in, k), in[1])))}
		})
	elements(s, "normPlaneBackward", "c = k[0]·a + (k[1]·(b - k[2]) + k[3])", "ab", "c",
		func(in []vec, k func(int) vec) []vec {
			return []vec{s.add(s.mul(k(0), in[0]), s.add(s.mul(k(1), s.sub(in[1], k(2))), k(3)))}
		})
}

// scaleRows multiplies each row of x by the row's own factor.
func scaleRows(s *simd) {
	TEXT("scaleRows"+s.name, NOSPLIT, "func(rows, n int, x, factors, y *float32)")
	Pragma("noescape")
	doc("scaleRows" + s.name + " multiplies each row of n elements by its factor; rows is positive.")
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	factors := Load(Param("factors"), GP64())
	y := Load(Param("y"), GP64())
	left, at := GP64(), GP64()
	Label("row")
	factor := s.broadcast(Mem{Base: factors})
	MOVQ(n, left)
	XORQ(at, at)
	s.over("", left.(reg.GPVirtual), func(l lanes) {
		v := l.load(Mem{Base: x, Index: at, Scale: 1})
		l.store(s.mul(v, factor), Mem{Base: y, Index: at, Scale: 1})
	}, func() { ADDQ(Imm(uint64(s.bytes())), at) })
	LEAQ(Mem{Base: x, Index: n, Scale: 4}, x)
	LEAQ(Mem{Base: y, Index: n, Scale: 4}, y)
	ADDQ(Imm(4), factors)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// dotRows multiplies the rows of x and y element by element and sums each row. The product of two
// float32 is exact in float64, so fusing doesn't change the bits.
func dotRows(s *simd) {
	TEXT("dotRows"+s.name, NOSPLIT, "func(rows, n int, x, y *float32, sums *float64)")
	Pragma("noescape")
	doc("dotRows" + s.name + " is the inner product of each pair of rows of n elements; rows is positive.")
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	s.sumRows([]reg.Register{x, y}, func(v []vec, sum vec) { VFMADD231PD(v[0], v[1], sum) })
}
