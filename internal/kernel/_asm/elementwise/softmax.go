package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmaxRows emits the softmax of rows in three sweeps over each, which is in the cache after the
// first: the largest element, the powers and their sum, and the division. The sum is in float64 and
// is stored for callers that need its logarithm. A NaN element, or an infinite largest one, makes
// its whole row NaN through the sum.
func softmaxRows(s *simd) {
	TEXT("softmaxRows"+s.name, NOSPLIT, "func(rows, n int, x, y *float32, sums *float64)")
	Pragma("noescape")
	doc("softmaxRows" + s.name + " is the softmax of each row of n elements, and the sum of e^(x - the row's " +
		"largest x); rows is positive.")
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	to := Load(Param("sums"), GP64())
	rest := GP64()
	MOVQ(n, rest)
	ANDQ(Imm(uint64(s.lanes-1)), rest)
	part := s.first(rest, 0)
	end := GP64()
	MOVQ(n, end)
	ANDQ(I32(-s.lanes), end)
	SHLQ(Imm(2), end)
	SHLQ(Imm(2), n)
	sweep := func(name string, body func(l lanes, at reg.Register)) {
		at := GP64()
		XORQ(at, at)
		CMPQ(at, end)
		JEQ(LabelRef(name + "part"))
		Label(name + "whole")
		body(lanes{s: s}, at)
		ADDQ(Imm(uint64(s.bytes())), at)
		CMPQ(at, end)
		JNE(LabelRef(name + "whole"))
		Label(name + "part")
		CMPQ(at, n)
		JEQ(LabelRef(name + "end"))
		body(part, at)
		Label(name + "end")
	}
	top := s.vec()
	sum := []vec{s.vec(), s.vec()}
	Label("row")
	VMOVAPS(s.word(0xff800000), top) // -Inf
	sweep("top", func(l lanes, at reg.Register) {
		VMOVAPS(s.max(l.loadOver(Mem{Base: x, Index: at, Scale: 1}, top), top), top)
	})
	s.spreadLargest(top)
	for _, v := range sum {
		s.xor(v, v, v)
	}
	sweep("power", func(l lanes, at reg.Register) {
		power := l.only(s.exp(s.sub(l.load(Mem{Base: x, Index: at, Scale: 1}), top)))
		l.store(power, Mem{Base: y, Index: at, Scale: 1})
		s.addWidened(power, sum)
	})
	total := s.folded(sum)
	VMOVSD(total, Mem{Base: to})
	scale, one := XMM(), XMM()
	VMOVSS(constant(0x3f800000), one)
	VCVTSD2SS(total, total, scale)
	VDIVSS(scale, one, scale)
	factor := s.vec()
	VBROADCASTSS(scale, factor)
	sweep("scale", func(l lanes, at reg.Register) {
		l.store(s.mul(factor, l.load(Mem{Base: y, Index: at, Scale: 1})), Mem{Base: y, Index: at, Scale: 1})
	})
	ADDQ(n, x)
	ADDQ(n, y)
	ADDQ(Imm(8), to)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// loadOver loads the lanes and takes the others from v.
func (l lanes) loadOver(from Mem, v vec) vec {
	to := l.load(from)
	switch {
	case l.mask == nil:
	case l.s == avx512:
		VBLENDMPS(to, v, l.mask, to)
	default:
		VBLENDVPS(l.mask, to, v, to)
	}
	return to
}

// only returns v with the other lanes zero.
func (l lanes) only(v vec) vec {
	switch {
	case l.mask == nil:
		return v
	case l.s == avx512:
		to := l.s.vec()
		VMOVAPS_Z(v, l.mask, to)
		return to
	}
	return l.s.and(l.mask.(vec), v)
}

// spreadLargest sets all lanes to the largest. No lane may be NaN.
func (s *simd) spreadLargest(v vec) {
	if s == avx512 {
		other := s.vec()
		VSHUFF32X4(Imm(0x4e), v, v, other) // swap the halves
		VMAXPS(other, v, v)
		VSHUFF32X4(Imm(0xb1), v, v, other) // swap the quarters
		VMAXPS(other, v, v)
	} else {
		other := s.vec()
		VPERM2F128(Imm(1), v, v, other)
		VMAXPS(other, v, v)
	}
	for _, swap := range []uint64{0x4e, 0xb1} { // swap the pairs, then the lanes within
		other := s.vec()
		VPERMILPS(Imm(swap), v, other)
		VMAXPS(other, v, v)
	}
}

// addWidened adds v's halves to two float64 sums.
func (s *simd) addWidened(v vec, sum []vec) {
	if s == avx512 {
		upper, wide := YMM(), ZMM()
		VEXTRACTF64X4(Imm(1), v, upper)
		VCVTPS2PD(v.AsY(), wide)
		VADDPD(wide, sum[0], sum[0])
		VCVTPS2PD(upper, wide)
		VADDPD(wide, sum[1], sum[1])
		return
	}
	upper, wide := XMM(), YMM()
	VEXTRACTF128(Imm(1), v, upper)
	VCVTPS2PD(v.AsX(), wide)
	VADDPD(wide, sum[0], sum[0])
	VCVTPS2PD(upper, wide)
	VADDPD(wide, sum[1], sum[1])
}
