package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowCopy is a block of rows × cols elements to copy. Copying overwrites the pointers and rows.
type rowCopy struct{ rows, cols, src, srcStride, dst, dstStride reg.Register } // strides in bytes

// emit emits the copy; label makes its labels unique. The last vector of a row overlaps the one
// before it; only rows shorter than a vector need masks.
func (c rowCopy) emit(s *simd, label string) {
	v, at := s.vec(), GP64()
	CMPQ(c.cols, Imm(uint64(s.lanes)))
	JGE(LabelRef(label + "wide"))
	if s == avx2 { // there, masked stores are slow on some processors
		CMPQ(c.cols, Imm(4))
		JGE(LabelRef(label + "halves"))
	}
	part := s.mask(c.cols, 0, 0)
	Label(label + "narrow")
	part.load(Mem{Base: c.src}, v)
	part.store(v, Mem{Base: c.dst})
	c.next()
	JNE(LabelRef(label + "narrow"))
	JMP(LabelRef(label + "end"))
	if s == avx2 {
		Label(label + "halves")
		c.move(v.AsX(), Mem{Base: c.src}, Mem{Base: c.dst})
		c.moveLast(v.AsX(), 16)
		c.next()
		JNE(LabelRef(label + "halves"))
		JMP(LabelRef(label + "end"))
	}
	Label(label + "wide")
	whole := GP64()
	LEAQ(Mem{Base: c.cols, Disp: -s.lanes}, whole)
	Label(label + "row")
	XORQ(at, at)
	CMPQ(at, whole)
	JGE(LabelRef(label + "last"))
	Label(label + "vector")
	c.move(v, Mem{Base: c.src, Index: at, Scale: 4}, Mem{Base: c.dst, Index: at, Scale: 4})
	ADDQ(I32(int32(s.lanes)), at)
	CMPQ(at, whole)
	JLT(LabelRef(label + "vector"))
	Label(label + "last")
	c.moveLast(v, s.bytes())
	c.next()
	JNE(LabelRef(label + "row"))
	Label(label + "end")
}

func (c rowCopy) move(v reg.Register, from, to Mem) {
	VMOVUPS(from, v)
	VMOVUPS(v, to)
}

// moveLast moves the last bytes of a row, as many as v has.
func (c rowCopy) moveLast(v reg.Register, bytes int) {
	c.move(
		v, Mem{Base: c.src, Index: c.cols, Scale: 4, Disp: -bytes},
		Mem{Base: c.dst, Index: c.cols, Scale: 4, Disp: -bytes},
	)
}

// next goes to the next row. It sets the zero flag if there is none.
func (c rowCopy) next() {
	ADDQ(c.srcStride, c.src)
	ADDQ(c.dstStride, c.dst)
	DECQ(c.rows)
}

func copyRows(s *simd) {
	TEXT("copyRows"+s.name, NOSPLIT, "func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)")
	Pragma("noescape")
	doc("copyRows" + s.name + " is copyRows; rows and cols are positive.")
	c := rowCopy{
		rows: Load(Param("rows"), GP64()), cols: Load(Param("cols"), GP64()), src: Load(Param("src"), GP64()),
		srcStride: Load(Param("srcStride"), GP64()), dst: Load(Param("dst"), GP64()), dstStride: Load(
			Param("dstStride"), GP64(),
		),
	}
	SHLQ(Imm(2), c.srcStride)
	SHLQ(Imm(2), c.dstStride)
	c.emit(s, "")
	VZEROUPPER()
	RET()
}

// im2col copies the same n blocks of every channel. A block is four words: src, dst, rows, cols.
func im2col(s *simd) {
	TEXT("im2col"+s.name, NOSPLIT,
		"func(channels int, blocks *int32, n int, src *float32, srcChannel, srcStride int, dst *float32, dstChannel, "+
			"dstStride int)")
	Pragma("noescape")
	doc("im2col" + s.name + " copies n blocks of each channel; channels, n and the blocks' sizes are positive.")
	channels := Load(Param("channels"), GP64())
	src := Load(Param("src"), GP64())
	dst := Load(Param("dst"), GP64())
	srcStride := Load(Param("srcStride"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	SHLQ(Imm(2), srcStride)
	SHLQ(Imm(2), dstStride)
	block, n := GP64(), GP64()
	Label("channel")
	Load(Param("blocks"), block)
	Load(Param("n"), n)
	Label("block")
	c := rowCopy{rows: GP64(), cols: GP64(), src: GP64(), srcStride: srcStride, dst: GP64(), dstStride: dstStride}
	for i, field := range []reg.Register{c.src, c.dst, c.rows, c.cols} {
		MOVLQSX(Mem{Base: block, Disp: 4 * i}, field)
	}
	LEAQ(Mem{Base: src, Index: c.src, Scale: 4}, c.src)
	LEAQ(Mem{Base: dst, Index: c.dst, Scale: 4}, c.dst)
	c.emit(s, "copy")
	ADDQ(Imm(16), block)
	DECQ(n)
	JNE(LabelRef("block"))
	step := GP64()
	Load(Param("srcChannel"), step)
	LEAQ(Mem{Base: src, Index: step, Scale: 4}, src)
	Load(Param("dstChannel"), step)
	LEAQ(Mem{Base: dst, Index: step, Scale: 4}, dst)
	DECQ(channels)
	JNE(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// blocksAhead is how many blocks of lanes columns transpose prefetches ahead: processors follow
// fewer rows than a block has on their own.
const blocksAhead = 4

// transpose transposes up to lanes rows, in blocks of lanes columns, in registers: it reads and
// writes whole vectors. The rows are a stride apart, or at offsets.
func transpose(s *simd, name string, atOffsets bool) {
	signature := "func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)"
	if atOffsets {
		signature = "func(rows, cols int, src *float32, offsets *int32, dst *float32, dstStride int)"
	}
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
	doc(name + s.name + " writes dst[j*dstStride+i] for up to a vector of rows i; rows and cols are positive.")
	rows := Load(Param("rows"), GP64())
	cols := Load(Param("cols"), GP64())
	src := Load(Param("src"), GP64())
	var stride, offsets reg.Register
	if atOffsets {
		offsets = Load(Param("offsets"), GP64())
	} else {
		stride = Load(Param("srcStride"), GP64())
		SHLQ(Imm(2), stride)
	}
	dst := Load(Param("dst"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	SHLQ(Imm(2), dstStride)
	rowMask := s.mask(rows, 0, 1)
	row := s.vectors(s.lanes)
	Label("block")
	colMask := s.mask(cols, 0, 0)
	at := GP64()
	MOVQ(src, at)
	for _, r := range row {
		zero(r)
	}
	for i := range row {
		CMPQ(rows, Imm(uint64(i)))
		JLE(LabelRef("loaded"))
		if atOffsets {
			MOVLQSX(Mem{Base: offsets, Disp: 4 * i}, at)
			colMask.load(Mem{Base: src, Index: at, Scale: 4}, row[i])
			continue
		}
		colMask.load(Mem{Base: at}, row[i])
		PREFETCHT0(Mem{Base: at, Disp: blocksAhead * s.bytes()})
		ADDQ(stride, at)
	}
	Label("loaded")
	column := s.transposed(row)
	part := func(label string, store func(v reg.VecVirtual, to Mem)) {
		Label(label)
		for j, v := range column {
			CMPQ(cols, Imm(uint64(j)))
			JLE(LabelRef("done"))
			store(v, Mem{Base: dst})
			ADDQ(dstStride, dst)
		}
		JMP(LabelRef("stored"))
	}
	CMPQ(rows, Imm(uint64(s.lanes)))
	JGE(LabelRef("full"))
	if s == avx2 { // there, masked stores are slow on some processors
		for n := 4; n < s.lanes; n++ {
			CMPQ(rows, Imm(uint64(n)))
			JEQ(LabelRef(fmt.Sprintf("first%d", n)))
		}
	}
	part("masked", func(v reg.VecVirtual, to Mem) { rowMask.store(v, to) })
	if s == avx2 {
		for n := 4; n < s.lanes; n++ {
			part(fmt.Sprintf("first%d", n), func(v reg.VecVirtual, to Mem) { storeFirst(n, v, to) })
		}
	}
	part("full", func(v reg.VecVirtual, to Mem) { VMOVUPS(v, to) })
	Label("stored")
	ADDQ(I32(int32(s.bytes())), src)
	SUBQ(Imm(uint64(s.lanes)), cols)
	JGT(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}

// storeFirst stores the first n of eight lanes, n from 4 to 7.
func storeFirst(n int, v reg.VecVirtual, to Mem) {
	VMOVUPS(v.AsX(), to)
	if n == 4 {
		return
	}
	upper := XMM()
	VEXTRACTF128(Imm(1), v, upper)
	if n == 5 {
		VMOVSS(upper, to.Offset(16))
		return
	}
	VMOVLPS(upper, to.Offset(16))
	if n == 7 {
		VEXTRACTPS(Imm(2), upper, to.Offset(24))
	}
}

// transposed returns the columns of a square block of the given rows.
func (s *simd) transposed(row []reg.VecVirtual) []reg.VecVirtual {
	quads := make([][]reg.VecVirtual, 0, len(row)/4) // of each four rows: column j of every 128-bit lane
	for i := 0; i < len(row); i += 4 {
		quads = append(quads, s.quad(row[i:i+4]))
	}
	cols := make([]reg.VecVirtual, len(row))
	for j := range 4 {
		if s == avx2 {
			cols[j] = s.shuffle(0x20, quads[0][j], quads[1][j])
			cols[4+j] = s.shuffle(0x31, quads[0][j], quads[1][j])
			continue
		}
		const even, odd = 0x88, 0xdd // lanes 0 and 2, or 1 and 3, of both sources
		lo02, lo13 := s.shuffle(even, quads[0][j], quads[1][j]), s.shuffle(odd, quads[0][j], quads[1][j])
		hi02, hi13 := s.shuffle(even, quads[2][j], quads[3][j]), s.shuffle(odd, quads[2][j], quads[3][j])
		cols[j], cols[8+j] = s.shuffle(even, lo02, hi02), s.shuffle(odd, lo02, hi02)
		cols[4+j], cols[12+j] = s.shuffle(even, lo13, hi13), s.shuffle(odd, lo13, hi13)
	}
	return cols
}

// quad transposes the 4 × 4 blocks of four rows, one block in each 128-bit lane.
func (s *simd) quad(row []reg.VecVirtual) []reg.VecVirtual {
	var ab [4]reg.VecVirtual // rows 0 and 1 interleaved, low and high, then rows 2 and 3
	for i := range 2 {
		ab[2*i], ab[2*i+1] = s.vec(), s.vec()
		VUNPCKLPS(row[2*i+1], row[2*i], ab[2*i])
		VUNPCKHPS(row[2*i+1], row[2*i], ab[2*i+1])
	}
	col := s.vectors(4)
	VUNPCKLPD(ab[2], ab[0], col[0])
	VUNPCKHPD(ab[2], ab[0], col[1])
	VUNPCKLPD(ab[3], ab[1], col[2])
	VUNPCKHPD(ab[3], ab[1], col[3])
	return col
}

// shuffle picks 128-bit lanes of two vectors.
func (s *simd) shuffle(lanes uint8, first, second reg.VecVirtual) reg.VecVirtual {
	to := s.vec()
	if s == avx2 {
		VPERM2F128(U8(lanes), second, first, to)
		return to
	}
	VSHUFF32X4(U8(lanes), second, first, to)
	return to
}
