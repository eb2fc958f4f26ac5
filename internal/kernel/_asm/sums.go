package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowSums adds up four rows at once. A row has the four sums of the portable sumOf, in the lanes of one vector, and so its bits; four rows
// because the additions of one wait for each other.
func rowSums() {
	TEXT("rowSums4AVX2", NOSPLIT, "func(n int, x *float32, stride int, sums *float64)")
	Pragma("noescape")
	Doc("rowSums4AVX2 adds up four rows of n elements, stride apart, as sumOf does.")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	stride := Load(Param("stride"), GP64())
	sums := Load(Param("sums"), GP64())
	SHLQ(Imm(2), stride)
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	row := [4]Mem{{Base: x}, {Base: x, Index: stride, Scale: 1}, {Base: x, Index: stride, Scale: 2}, {Base: x, Index: stride3, Scale: 1}}
	var acc [4]reg.VecVirtual
	for i := range acc {
		acc[i] = YMM()
		zero(acc[i])
	}
	turns := GP64()
	MOVQ(n, turns)
	SHRQ(Imm(2), turns)
	JEQ(LabelRef("folded"))
	v := YMM()
	Label("four")
	for i, m := range row {
		VCVTPS2PD(m, v)
		VADDPD(v, acc[i], acc[i])
	}
	ADDQ(Imm(16), x)
	DECQ(turns)
	JNE(LabelRef("four"))
	Label("folded")
	var high [4]reg.VecVirtual
	for i := range acc {
		high[i] = XMM()
		VEXTRACTF128(Imm(1), acc[i], high[i])
	}
	ANDQ(Imm(3), n)
	JEQ(LabelRef("add"))
	one := XMM()
	Label("rest")
	for i, m := range row {
		VXORPS(one, one, one)
		VCVTSS2SD(m, one, one)
		VADDSD(one, acc[i].AsX(), acc[i].AsX())
	}
	ADDQ(Imm(4), x)
	DECQ(n)
	JNE(LabelRef("rest"))
	Label("add")
	for i := range acc {
		VHADDPD(high[i], acc[i].AsX(), acc[i].AsX()) // a+b, c+d
		VHADDPD(acc[i].AsX(), acc[i].AsX(), acc[i].AsX())
		VMOVSD(acc[i].AsX(), Mem{Base: sums, Disp: 8 * i})
	}
	VZEROUPPER()
	RET()
}
