package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotKernel computes rows × cols dot products at once, with a vector of partial sums for each. A
// gradient of weights is such a product: its sums run over the pixels of a plane.
type dotKernel struct {
	s          *simd
	rows, cols int

	a, b, stride, stride3, count reg.GPVirtual
	offset                       []reg.GPVirtual // of the columns, in elements
	acc                          [][]reg.VecVirtual
	row, col                     []reg.VecVirtual
}

func dot(s *simd, rows, cols int) {
	name := fmt.Sprintf("dot%dx%d%s", rows, cols, s.name)
	TEXT(name, NOSPLIT, "func(n int, a *float32, aStride int, b *float32, offsets *int32, images, aImage, bImage "+
		"int, acc *float32, accStride int)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s is dot for %d rows and %d columns; n and images are positive.", name, rows, cols))
	d := &dotKernel{s: s, rows: rows, cols: cols, a: GP64(), b: GP64(), stride: GP64(), stride3: GP64(), count: GP64(),
		row: s.vectors(rows), col: s.vectors(min(2, cols))}
	d.begin()
	images, aImage, bImage := GP64(), GP64(), GP64()
	Load(Param("images"), images)
	Label("image")
	// whole vectors before the last, which has 1 to lanes elements
	Load(Param("n"), d.count)
	DECQ(d.count)
	SHRQ(Imm(uint64(log2(s.lanes))), d.count)
	JEQ(LabelRef("last"))
	Label("vector")
	d.step(nil)
	ADDQ(Imm(uint64(s.bytes())), d.a)
	ADDQ(Imm(uint64(s.bytes())), d.b)
	DECQ(d.count)
	JNE(LabelRef("vector"))
	Label("last")
	d.lastStep()
	Load(Param("aImage"), aImage)
	LEAQ(Mem{Base: d.a, Index: aImage, Scale: 4}, d.a)
	Load(Param("bImage"), bImage)
	LEAQ(Mem{Base: d.b, Index: bImage, Scale: 4}, d.b)
	DECQ(images)
	JNE(LabelRef("image"))
	d.eachSum(func(acc reg.VecVirtual, m Mem) { VMOVUPS(acc, m) })
	VZEROUPPER()
	RET()
}

func log2(n int) int {
	bits := 0
	for 1<<bits < n {
		bits++
	}
	return bits
}

func (d *dotKernel) begin() {
	for range d.rows {
		d.acc = append(d.acc, d.s.vectors(d.cols))
	}
	d.eachSum(func(acc reg.VecVirtual, m Mem) { VMOVUPS(m, acc) })
	Load(Param("a"), d.a)
	Load(Param("aStride"), d.stride)
	SHLQ(Imm(2), d.stride)
	LEAQ(Mem{Base: d.stride, Index: d.stride, Scale: 2}, d.stride3)
	Load(Param("b"), d.b)
	offsets := Load(Param("offsets"), GP64())
	for j := range d.cols {
		d.offset = append(d.offset, GP64())
		MOVLQSX(Mem{Base: offsets, Disp: 4 * j}, d.offset[j])
	}
}

// eachSum calls f for every vector of sums and its address.
func (d *dotKernel) eachSum(f func(acc reg.VecVirtual, m Mem)) {
	at := Load(Param("acc"), GP64())
	stride := Load(Param("accStride"), GP64())
	SHLQ(Imm(2), stride)
	for i, row := range d.acc {
		for j, acc := range row {
			f(acc, Mem{Base: at, Disp: d.s.bytes() * j})
		}
		if i+1 < d.rows {
			ADDQ(stride, at)
		}
	}
}

// aRow is the address of row i, at most the fifth.
func (d *dotKernel) aRow(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: d.a}
	case 3:
		return Mem{Base: d.a, Index: d.stride3, Scale: 1}
	}
	return Mem{Base: d.a, Index: d.stride, Scale: uint8(i)}
}

// step adds one vector's products, masked if m isn't nil.
func (d *dotKernel) step(m *mask) {
	load := func(from Mem, to reg.VecVirtual) {
		if m != nil {
			m.load(from, to)
			return
		}
		VMOVUPS(from, to)
	}
	for i := range d.rows {
		load(d.aRow(i), d.row[i])
	}
	for j := range d.cols {
		col := d.col[j%len(d.col)]
		load(Mem{Base: d.b, Index: d.offset[j], Scale: 4}, col)
		for i := range d.rows {
			VFMADD231PS(d.row[i], col, d.acc[i][j])
		}
	}
}

// lastStep adds the last 1 to lanes products and moves a and b back to the image's first element.
func (d *dotKernel) lastStep() {
	n := Load(Param("n"), GP64())
	DECQ(n)
	whole := GP64()
	MOVQ(n, whole)
	ANDQ(I32(int32(-d.s.lanes)), whole)
	SUBQ(whole, n)
	INCQ(n)
	m := d.s.mask(n, 0, 0)
	d.step(&m)
	SHLQ(Imm(2), whole)
	SUBQ(whole, d.a)
	SUBQ(whole, d.b)
}

// laneSums sums the lanes of each of n vectors.
func laneSums(s *simd) {
	TEXT("laneSums"+s.name, NOSPLIT, "func(n int, acc, sums *float32)")
	Pragma("noescape")
	doc("laneSums" + s.name + " sums the lanes of each of n vectors; n is positive.")
	n := Load(Param("n"), GP64())
	acc := Load(Param("acc"), GP64())
	sums := Load(Param("sums"), GP64())
	Label("sum")
	low, high := YMM(), YMM()
	VMOVUPS(Mem{Base: acc}, low)
	if s == avx512 {
		VADDPS(Mem{Base: acc, Disp: 32}, low, low)
	}
	VEXTRACTF128(Imm(1), low, high.AsX())
	VADDPS(high.AsX(), low.AsX(), low.AsX())
	VPERMILPS(Imm(0x4e), low.AsX(), high.AsX())
	VADDPS(high.AsX(), low.AsX(), low.AsX())
	VPERMILPS(Imm(0xb1), low.AsX(), high.AsX())
	VADDPS(high.AsX(), low.AsX(), low.AsX())
	VMOVSS(low.AsX(), Mem{Base: sums})
	ADDQ(Imm(uint64(s.bytes())), acc)
	ADDQ(Imm(4), sums)
	DECQ(n)
	JNE(LabelRef("sum"))
	VZEROUPPER()
	RET()
}
