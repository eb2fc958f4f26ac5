package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	unroll   = 4  // steps of the sum in one iteration of the loop
	prefetch = 16 // steps by which packed operands are prefetched
)

// Flags of a tile call, as in gemm_amd64.go.
const (
	flagAccumulate = 1
	flagLeast      = 2
	flagMost       = 4
	flagContinue   = 8
	flagFirst      = 16
)

// tileKernel is the micro-kernel of a product: rows × (vectors·lanes) elements of C stay in
// registers while the sum runs. A step loads one vector of B for each vector and broadcasts one
// element of A for each row.
type tileKernel struct {
	s             *simd
	rows, vectors int

	kc, a, b, offsets, c, ldc, cols, flags, bias reg.Register

	stride reg.Register   // of A's rows, in bytes; 0 if A is packed
	bases  []reg.Register // of every third row of A, if it isn't packed
	next   reg.Register   // in the rows after this tile's, which the next tile reads

	acc       [][]reg.VecVirtual // by row and vector
	row       []reg.VecVirtual   // of B
	broadcast []reg.VecVirtual   // of A
}

func tile(s *simd, rows, vectors int) {
	TEXT(fmt.Sprintf("tile%dx%d%s", rows, vectors, s.name), NOSPLIT,
		"func(kc int, a *float32, stride int, b *float32, offsets *int32, c *float32, ldc, cols, flags int, "+
			"bias *float32, panels int, least, most float32)")
	Pragma("noescape")
	doc(fmt.Sprintf(
		"tile%dx%d%s is tile for %d rows and up to %d columns.", rows, vectors, s.name, rows, vectors*s.lanes,
	))
	t := &tileKernel{s: s, rows: rows, vectors: vectors, row: s.vectors(vectors), broadcast: s.vectors(2)}
	t.b = Load(Param("b"), GP64())
	t.c = Load(Param("c"), GP64())
	t.ldc = Load(Param("ldc"), GP64())
	panels := Load(Param("panels"), GP64())
	for range rows {
		t.acc = append(t.acc, s.vectors(vectors))
	}
	SHLQ(Imm(2), t.ldc)
	Label("panel")
	t.kc = Load(Param("kc"), GP64())
	t.a = Load(Param("a"), GP64())
	t.offsets = Load(Param("offsets"), GP64())
	t.prefetchC()
	t.begin()
	t.stride = Load(Param("stride"), GP64())
	if !s.only {
		t.sumPacked()
	}
	Label("unpacked")
	t.beginRows()
	t.sumOffsets("row", t.rowStep, t.advanceRows)
	Label("end")
	t.finish()
	ADDQ(I32(int32(s.bytes()*vectors)), t.b)
	ADDQ(I32(int32(s.bytes()*vectors)), t.c)
	DECQ(panels)
	JNE(LabelRef("panel"))
	VZEROUPPER()
	RET()
}

// sumPacked emits the sums of a packed A. With a stride it jumps past them.
func (t *tileKernel) sumPacked() {
	TESTQ(t.stride, t.stride)
	JNE(LabelRef("unpacked"))
	TESTQ(t.offsets, t.offsets)
	JNE(LabelRef("gathered"))
	t.sum("packed", t.packedStep, func(steps int) {
		ADDQ(I32(int32(4*t.rows*steps)), t.a)
		ADDQ(I32(int32(t.s.bytes()*t.vectors*steps)), t.b)
	})
	JMP(LabelRef("end"))
	Label("gathered")
	t.sumOffsets("offset", t.offsetStep, func(steps int) {
		ADDQ(I32(int32(4*t.rows*steps)), t.a)
		ADDQ(I32(int32(4*steps)), t.offsets)
	})
	JMP(LabelRef("end"))
}

// sumOffsets emits the loop over the depth for rows of B at offsets, and for full panels another
// one, in which the first tile prefetches the next panel. The rows are far apart, and processors
// follow fewer than a sum has.
func (t *tileKernel) sumOffsets(name string, step func(u int, ahead, first bool), advance func(steps int)) {
	if t.vectors > 1 {
		t.flags = Load(Param("flags"), GP64())
		TESTQ(U32(flagFirst), t.flags)
		JEQ(LabelRef(name))
		t.sum(name+"first", func(u int, ahead bool) { step(u, ahead, true) }, advance)
		JMP(LabelRef("end"))
		Label(name)
	}
	t.sum(name, func(u int, ahead bool) { step(u, ahead, false) }, advance)
}

// eachRow calls f for every row of C, with the address of its first element.
func (t *tileKernel) eachRow(f func(i int, c Mem)) {
	at := GP64()
	MOVQ(t.c, at)
	for i := range t.rows {
		f(i, Mem{Base: at})
		if i+1 < t.rows {
			ADDQ(t.ldc, at)
		}
	}
}

func (t *tileKernel) prefetchC() {
	t.eachRow(func(_ int, c Mem) {
		for v := range t.vectors {
			PREFETCHT0(c.Offset(t.s.bytes() * v))
		}
	})
}

// begin sets the accumulators to the row's bias, to zero, or to C, of which the flag promises full
// vectors.
func (t *tileKernel) begin() {
	if !t.s.only {
		t.flags = Load(Param("flags"), GP64())
		TESTQ(U32(flagContinue), t.flags)
		JEQ(LabelRef("fresh"))
		t.eachRow(func(i int, c Mem) {
			for v := range t.vectors {
				VMOVUPS(c.Offset(t.s.bytes()*v), t.acc[i][v])
			}
		})
		JMP(LabelRef("begun"))
		Label("fresh")
	}
	t.bias = Load(Param("bias"), GP64())
	TESTQ(t.bias, t.bias)
	JEQ(LabelRef("nobias"))
	for i := range t.rows {
		VBROADCASTSS(Mem{Base: t.bias, Disp: 4 * i}, t.acc[i][0])
		for v := 1; v < t.vectors; v++ {
			VMOVAPS(t.acc[i][0], t.acc[i][v])
		}
	}
	JMP(LabelRef("begun"))
	Label("nobias")
	for i := range t.rows {
		for v := range t.vectors {
			zero(t.acc[i][v])
		}
	}
	Label("begun")
}

// sum emits the loop over the depth: step(u) emits step u, advance moves the pointers.
func (t *tileKernel) sum(name string, step func(u int, ahead bool), advance func(steps int)) {
	turns := GP64()
	MOVQ(t.kc, turns)
	SHRQ(Imm(2), turns)
	JEQ(LabelRef(name + "rest"))
	Label(name + "loop")
	for u := range unroll {
		step(u, true)
	}
	advance(unroll)
	DECQ(turns)
	JNE(LabelRef(name + "loop"))
	Label(name + "rest")
	ANDQ(Imm(unroll-1), t.kc)
	JEQ(LabelRef("end"))
	Label(name + "single")
	step(0, false)
	advance(1)
	DECQ(t.kc)
	JNE(LabelRef(name + "single"))
}

func (t *tileKernel) packedStep(u int, ahead bool) {
	width := t.s.bytes() * t.vectors
	if ahead {
		for line := 0; line < width; line += 64 {
			if width >= 64 || u%2 == 0 {
				PREFETCHT0(Mem{Base: t.b, Disp: (u+prefetch)*width + line})
			}
		}
		if t.rows > 8 {
			PREFETCHT0(Mem{Base: t.a, Disp: 4 * t.rows * (u + prefetch)})
		}
	}
	for v := range t.vectors {
		VMOVUPS(Mem{Base: t.b, Disp: u*width + t.s.bytes()*v}, t.row[v])
	}
	t.multiplyPacked(u)
}

func (t *tileKernel) offsetStep(u int, _, first bool) {
	t.loadOffset(u, first)
	t.multiplyPacked(u)
}

// baseRows is how many rows of A one register addresses: itself, and with the stride once and
// twice.
const baseRows = 3

// beginRows sets the bases of A's rows.
func (t *tileKernel) beginRows() {
	SHLQ(Imm(2), t.stride)
	t.bases = []reg.Register{t.a}
	for row := baseRows; row < t.rows; row += baseRows {
		base := GP64()
		LEAQ(Mem{Base: t.bases[len(t.bases)-1], Index: t.stride, Scale: 2}, base)
		ADDQ(t.stride, base)
		t.bases = append(t.bases, base)
	}
	if !t.s.only {
		t.next = GP64()
		IMUL3Q(Imm(uint64(t.rows)), t.stride, t.next)
		ADDQ(t.a, t.next)
	}
}

func (t *tileKernel) advanceRows(steps int) {
	if t.next != nil && steps == unroll {
		ADDQ(I32(int32(64*t.nextLines())), t.next)
	}
	for _, base := range t.bases {
		ADDQ(I32(int32(4*steps)), base)
	}
	ADDQ(I32(int32(4*steps)), t.offsets)
}

// nextLines is how many cache lines of the next tile's rows are prefetched in an iteration, so that
// all are in the end: where the depth isn't cut, the rows lie one after another. Processors follow
// fewer rows than a tile has on their own.
func (t *tileKernel) nextLines() int { return (4*t.rows*unroll + 63) / 64 }

func (t *tileKernel) rowStep(u int, ahead, first bool) {
	if ahead && t.next != nil && u < t.nextLines() {
		PREFETCHT1(Mem{Base: t.next, Disp: 64 * u})
	}
	t.loadOffset(u, first)
	t.multiply(func(i int) Mem {
		a := Mem{Base: t.bases[i/baseRows], Disp: 4 * u}
		if scale := uint8(i % baseRows); scale > 0 {
			a.Index, a.Scale = t.stride, scale
		}
		return a
	})
}

// loadOffset loads the row of B of step u by its offset, and prefetches that of the next panel.
func (t *tileKernel) loadOffset(u int, next bool) {
	offset := GP64()
	MOVLQSX(Mem{Base: t.offsets, Disp: 4 * u}, offset)
	width := t.s.bytes() * t.vectors
	for line := 0; next && line < width; line += 64 {
		PREFETCHT0(Mem{Base: t.b, Index: offset, Scale: 4, Disp: width + line})
	}
	for v := range t.vectors {
		VMOVUPS(Mem{Base: t.b, Index: offset, Scale: 4, Disp: t.s.bytes() * v}, t.row[v])
	}
}

// multiplyPacked multiplies the row of B with the elements of packed A of step u.
func (t *tileKernel) multiplyPacked(u int) {
	t.multiply(func(i int) Mem { return Mem{Base: t.a, Disp: 4 * (u*t.rows + i)} })
}

// multiply multiplies the row of B with one element of each row of A.
func (t *tileKernel) multiply(element func(row int) Mem) {
	for i := range t.rows {
		a := element(i)
		if t.s == avx512 && t.vectors == 1 {
			VFMADD231PS_BCST(a, t.row[0], t.acc[i][0])
			continue
		}
		VBROADCASTSS(a, t.broadcast[i%2])
		for v := range t.vectors {
			VFMADD231PS(t.row[v], t.broadcast[i%2], t.acc[i][v])
		}
	}
}

// finish adds C, applies the limits and stores, as flags and cols say. Full vectors go without
// masks, because some processors need a dozen cycles for a masked store.
func (t *tileKernel) finish() {
	t.flags = Load(Param("flags"), GP64())
	if t.s.only {
		t.write("full", make([]mask, t.vectors))
		return
	}
	t.cols = Load(Param("cols"), GP64())
	CMPQ(t.cols, Imm(uint64(t.vectors*t.s.lanes)))
	JGE(LabelRef("full"))
	t.write("part", t.s.firstLanes(t.cols, t.vectors))
	JMP(LabelRef("written"))
	Label("full")
	t.write("full", make([]mask, t.vectors))
	Label("written")
}

func (t *tileKernel) write(label string, masks []mask) {
	old := t.s.vec()
	TESTQ(U32(flagAccumulate), t.flags)
	JEQ(LabelRef(label + "fresh"))
	t.eachRow(func(i int, c Mem) {
		for v, m := range masks {
			m.load(c.Offset(t.s.bytes()*v), old)
			VADDPS(old, t.acc[i][v], t.acc[i][v])
		}
	})
	Label(label + "fresh")
	// VMAXPS and VMINPS keep their second operand if that is NaN.
	t.limit(label+"above", flagLeast, "least", VMAXPS)
	t.limit(label+"below", flagMost, "most", VMINPS)
	t.eachRow(func(i int, c Mem) {
		for v, m := range masks {
			m.store(t.acc[i][v], c.Offset(t.s.bytes()*v))
		}
	})
}

// limit combines the results with an argument if the flag is set.
func (t *tileKernel) limit(label string, flag uint32, argument string, combine func(...Op)) {
	TESTQ(U32(flag), t.flags)
	JEQ(LabelRef(label))
	limit := t.s.parameter(argument)
	for i := range t.rows {
		for v := range t.vectors {
			combine(t.acc[i][v], limit, t.acc[i][v])
		}
	}
	Label(label)
}
