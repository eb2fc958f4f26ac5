package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Most rows and vectors of float64 sums at once.
const (
	rows64    = 4
	vectors64 = 2
)

// sums64 is the inner loop of a float64 product: sums of a packed A. It multiplies and adds in two
// roundings, in the order of the portable loop, so that both have the same bits.
func sums64(rows, vectors int) {
	name := fmt.Sprintf("sums%dx%dFloat64", rows, vectors)
	TEXT(name, NOSPLIT, "func(kc int, a, b *float64, offsets *int32, width int, sums *float64)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s is sums64 for %d rows and %d columns.", name, rows, 4*vectors))
	kc, a, b := Load(Param("kc"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	offsets, width := Load(Param("offsets"), GP64()), Load(Param("width"), GP64())
	sums, row := Load(Param("sums"), GP64()), make([]reg.VecVirtual, vectors)
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		for range vectors {
			v := YMM()
			VXORPD(v, v, v)
			acc[i] = append(acc[i], v)
		}
	}
	for v := range row {
		row[v] = YMM()
	}
	step := func(at Mem) {
		for v := range row {
			VMOVUPD(at.Offset(32*v), row[v])
		}
		for i := range acc {
			element := YMM()
			VBROADCASTSD(Mem{Base: a, Disp: 8 * i}, element)
			for v := range row {
				product := YMM()
				VMULPD(element, row[v], product)
				VADDPD(product, acc[i][v], acc[i][v])
			}
		}
		ADDQ(I32(int32(8*rows)), a)
	}
	SHLQ(Imm(3), width)
	TESTQ(offsets, offsets)
	JNE(LabelRef("gathered"))
	Label("packed")
	step(Mem{Base: b})
	ADDQ(width, b)
	DECQ(kc)
	JNE(LabelRef("packed"))
	JMP(LabelRef("end"))
	Label("gathered")
	offset := GP64()
	MOVLQSX(Mem{Base: offsets}, offset)
	step(Mem{Base: b, Index: offset, Scale: 8})
	ADDQ(Imm(4), offsets)
	DECQ(kc)
	JNE(LabelRef("gathered"))
	Label("end")
	for i := range acc {
		for v := range row {
			VMOVUPD(acc[i][v], Mem{Base: sums, Disp: 32 * (i*vectors + v)})
		}
	}
	VZEROUPPER()
	RET()
}
