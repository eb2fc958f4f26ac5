package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of Winograd's convolutions F(4x4, 3x3) and F(2x2, 5x5); see winograd.go. A vector
// holds the same element of as many tiles as it has lanes, or of as many filters.
const (
	winogradIn  = 6 // rows and columns of a tile's input
	quadColumns = 4 // of what loadTiles loads

	cacheLine = 64 // bytes
)

// tileForm is F(out×out, taps×taps).
type tileForm struct{ out, taps int }

func (f tileForm) name() string { return fmt.Sprintf("%dx%d", f.taps, f.taps) }

func winograd(s *simd) {
	winogradInput(s)
	if s == avx512 { // without mask registers, masking costs as much as copying
		winogradPlane(s)
	}
	for _, f := range []tileForm{{4, 3}, {2, 5}} {
		winogradOutput(s, f)
		winogradFilters(s, f)
		winogradGradient(s, f)
		winogradTaps(s, f)
	}
	if s == avx512 { // the sums of four tiles' points fill most of its registers
		winogradFilterRows(s)
		winogradFewTiles(s)
	}
}

// number returns a constant in every lane.
func (s *simd) number(v float64) reg.VecVirtual {
	to := s.vec()
	VBROADCASTSS(word32(v), to)
	return to
}

var words = map[uint32]Mem{}

func word(bits uint32) Mem {
	if _, ok := words[bits]; !ok {
		name := "number" + hex(bits)
		at := GLOBL(name, RODATA|NOPTR)
		DATA(0, U32(bits))
		words[bits] = at
	}
	return words[bits]
}

func hex(bits uint32) string {
	const digits = "0123456789abcdef"
	var name [8]byte
	for i := range name {
		name[i] = digits[bits>>(28-4*i)&15]
	}
	return string(name[:])
}

func (s *simd) binary(emit func(...Op), a, b Op) reg.VecVirtual {
	to := s.vec()
	emit(b, a, to)
	return to
}

func (s *simd) add(a, b Op) reg.VecVirtual { return s.binary(VADDPS, a, b) }
func (s *simd) sub(a, b Op) reg.VecVirtual { return s.binary(VSUBPS, a, b) }
func (s *simd) mul(a, b Op) reg.VecVirtual { return s.binary(VMULPS, a, b) }

// parameter returns an argument in every lane.
func (s *simd) parameter(name string) reg.VecVirtual {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	to := s.vec()
	VBROADCASTSS(at.Addr, to)
	return to
}

// plus returns c + a·b and minus c - a·b, each rounded once.
func (s *simd) plus(c, a, b reg.VecVirtual) reg.VecVirtual { return s.fused(VFMADD231PS, c, a, b) }

func (s *simd) minus(c, a, b reg.VecVirtual) reg.VecVirtual { return s.fused(VFNMADD231PS, c, a, b) }

func (s *simd) fused(emit func(...Op), c, a, b reg.VecVirtual) reg.VecVirtual {
	to := s.vec()
	VMOVAPS(c, to)
	emit(b, a, to)
	return to
}

// sixRows addresses six rows, step bytes apart.
type sixRows struct{ first, fourth, step reg.Register }

func newSixRows(first, step reg.Register) sixRows {
	r := sixRows{first, GP64(), step}
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, r.fourth)
	ADDQ(first, r.fourth)
	return r
}

func (r sixRows) at(i int) Mem {
	base := r.first
	if i >= 3 {
		base, i = r.fourth, i-3
	}
	if i == 0 {
		return Mem{Base: base}
	}
	return Mem{Base: base, Index: r.step, Scale: uint8(i)}
}

// advance moves all rows by n bytes, a register or a number.
func (r sixRows) advance(n Op) {
	ADDQ(n, r.first)
	ADDQ(n, r.fourth)
}

// times6 returns six times x.
func times6(x reg.Register) reg.Register {
	to := GP64()
	LEAQ(Mem{Base: x, Index: x, Scale: 2}, to)
	SHLQ(Imm(1), to)
	return to
}

// repeat emits body in a loop of n turns.
func repeat(label string, n int, body func()) {
	turns := GP64()
	MOVQ(U32(n), turns)
	Label(label)
	body()
	DECQ(turns)
	JNE(LabelRef(label))
}

type inputConstants struct{ half, two, twoAndHalf, near, far reg.VecVirtual }

func (s *simd) inputConstants() inputConstants {
	return inputConstants{s.number(0.5), s.number(2), s.number(2.5), s.number(math.Sqrt(0.5)), s.number(math.Sqrt2)}
}

// inputPoints returns Bᵀ·x.
func (s *simd) inputPoints(k inputConstants, x []reg.VecVirtual) []reg.VecVirtual {
	first := s.minus(s.add(x[0], x[4]), k.twoAndHalf, x[2])
	last := s.minus(s.add(x[1], x[5]), k.twoAndHalf, x[3])
	near, nearOdd := s.minus(x[4], k.two, x[2]), s.minus(x[3], k.two, x[1])
	far, farOdd := s.minus(x[4], k.half, x[2]), s.minus(x[3], k.half, x[1])
	return []reg.VecVirtual{
		first, s.plus(near, k.near, nearOdd), s.minus(near, k.near, nearOdd), s.plus(far, k.far, farOdd),
		s.minus(far, k.far, farOdd), last,
	}
}

func winogradInput(s *simd) {
	TEXT("winogradInput"+s.name, NOSPLIT, tilesSignature)
	Pragma("noescape")
	doc("winogradInput" + s.name + " transforms n tiles, a positive multiple of the lanes. Tile t begins at " +
		"src[at[t]]; its element (i, j) goes to dst[(6·i+j)·point + t]. It reads 6 rows of 8 columns of each tile. " +
		"temp has 36 vectors.")
	s.transformTiles(winogradIn, func() tileTransform {
		k := s.inputConstants()
		return tileTransform{
			load: func(src, at reg.Register) []reg.VecVirtual {
				right := s.lowPairs(s.loadTiles(src, at, 16))
				return append(s.quad(s.loadTiles(src, at, 0)), right...)
			},
			points: func(x []reg.VecVirtual) []reg.VecVirtual { return s.inputPoints(k, x) },
		}
	})
}

// winogradPlane is winogradInput for tiles that hang over the edges of their planes. What lies
// outside may be any number, even NaN: masks clear it.
func winogradPlane(s *simd) {
	TEXT("winogradPlane"+s.name, NOSPLIT, strings.TrimSuffix(tilesSignature, ")")+", masks *uint16, ahead int)")
	Pragma("noescape")
	doc("winogradPlane" + s.name + " is winogradInput" + s.name + ", but column j of row i of a vector of tiles is " +
		"zero where masks[6·i+j] has no bit. A vector has 36 masks. It prefetches the tiles ahead elements further.")
	s.transformTiles(winogradIn, func() tileTransform {
		k := s.inputConstants()
		masks := Load(Param("masks"), GP64())
		ahead := Load(Param("ahead"), GP64())
		SHLQ(Imm(2), ahead)
		return tileTransform{
			load: func(src, at reg.Register) []reg.VecVirtual {
				s.prefetchTiles(src, at, ahead, 16) // the first columns may be padding, in another line
				x := s.maskedColumns(s.loadTiles(src, at, 0), quadColumns, masks)
				right := s.loadTiles(src, at, 4*quadColumns)
				ADDQ(Imm(2*quadColumns), masks)
				x = append(x, s.maskedColumns(right, winogradIn-quadColumns, masks)...)
				ADDQ(Imm(2*(winogradIn-quadColumns)), masks)
				return x
			},
			points: func(x []reg.VecVirtual) []reg.VecVirtual { return s.inputPoints(k, x) },
		}
	})
}

// prefetchTiles prefetches a row of a vector of tiles, ahead bytes further. Four tiles of 4x4 side
// by side fill a cache line.
func (s *simd) prefetchTiles(row, at, ahead reg.Register, disp int) {
	next, offset := GP64(), GP64()
	LEAQ(Mem{Base: row, Index: ahead, Scale: 1}, next)
	for l := range s.lanes / 4 {
		MOVLQSX(Mem{Base: at, Disp: 16 * l}, offset)
		PREFETCHT0(Mem{Base: next, Index: offset, Scale: 4, Disp: disp})
	}
}

// maskedColumns returns the first n columns of quad, zero in the lanes that a column's mask lacks.
func (s *simd) maskedColumns(row []reg.VecVirtual, n int, masks reg.Register) []reg.VecVirtual {
	col := s.vectors(n)
	k := []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}
	for j := range col {
		KMOVW(Mem{Base: masks, Disp: 2 * j}, k[j])
	}
	const low, high = 0x44, 0xee // pairs of both sources
	for j := 0; j < n; j += 2 {
		unpack := VUNPCKLPS
		if j == 2 {
			unpack = VUNPCKHPS
		}
		ab, cd := s.vec(), s.vec()
		unpack(row[1], row[0], ab)
		unpack(row[3], row[2], cd)
		VSHUFPS_Z(Imm(low), cd, ab, k[j], col[j])
		VSHUFPS_Z(Imm(high), cd, ab, k[j+1], col[j+1])
	}
	return col
}

const tilesSignature = "func(n int, src *float32, pitch int, at *int32, dst *float32, point int, temp *float32)"

// tileTransform loads a row of a vector of tiles, one vector for each column, and transforms a row
// or a column of them to its 6 points.
type tileTransform struct {
	load   func(src, at reg.Register) []reg.VecVirtual
	points func(x []reg.VecVirtual) []reg.VecVirtual
}

// transformTiles emits the body of a transform of tiles of the given rows to 6 × 6 points: first
// the rows, into temp, then the columns.
func (s *simd) transformTiles(rows int, prepare func() tileTransform) {
	n := Load(Param("n"), GP64())
	at := Load(Param("at"), GP64())
	dst := Load(Param("dst"), GP64())
	pitch := Load(Param("pitch"), GP64())
	SHLQ(Imm(2), pitch)
	point := Load(Param("point"), GP64())
	SHLQ(Imm(2), point)
	point6 := times6(point)
	transform := prepare()
	Label("tiles")
	src := Load(Param("src"), GP64())
	temp := Load(Param("temp"), GP64())
	repeat("row", rows, func() {
		for j, v := range transform.points(transform.load(src, at)) {
			VMOVUPS(v, Mem{Base: temp, Disp: j * s.bytes()})
		}
		ADDQ(I32(int32(winogradIn*s.bytes())), temp)
		ADDQ(pitch, src)
	})
	Load(Param("temp"), temp)
	to := GP64()
	MOVQ(dst, to)
	out := newSixRows(to, point6)
	repeat("column", winogradIn, func() {
		x := s.vectors(rows)
		for i := range x {
			VMOVUPS(Mem{Base: temp, Disp: i * winogradIn * s.bytes()}, x[i])
		}
		for i, v := range transform.points(x) {
			VMOVUPS(v, out.at(i))
		}
		ADDQ(Imm(uint64(s.bytes())), temp)
		out.advance(point)
	})
	ADDQ(Imm(uint64(4*s.lanes)), at)
	ADDQ(Imm(uint64(s.bytes())), dst)
	SUBQ(Imm(uint64(s.lanes)), n)
	JNE(LabelRef("tiles"))
	VZEROUPPER()
	RET()
}

// loadTiles returns four vectors: 128-bit lane l of vector k has four elements of tile 4·l + k.
func (s *simd) loadTiles(src, at reg.Register, disp int) []reg.VecVirtual {
	v := s.vectors(4)
	offset := GP64()
	for k := range v {
		for l := range s.lanes / 4 {
			MOVLQSX(Mem{Base: at, Disp: 4 * (4*l + k)}, offset)
			from := Mem{Base: src, Index: offset, Scale: 4, Disp: disp}
			switch {
			case l == 0 && s == avx2:
				VBROADCASTF128(from, v[k]) // unlike a move to the lowest lane, this writes them all
			case l == 0:
				VBROADCASTF32X4(from, v[k])
			case s == avx2:
				VINSERTF128(Imm(1), from, v[k], v[k])
			default:
				VINSERTF32X4(Imm(uint64(l)), from, v[k], v[k])
			}
		}
	}
	return v
}

// lowPairs returns the first two columns of quad.
func (s *simd) lowPairs(row []reg.VecVirtual) []reg.VecVirtual {
	ab, cd := s.vec(), s.vec()
	VUNPCKLPS(row[1], row[0], ab)
	VUNPCKLPS(row[3], row[2], cd)
	col := s.vectors(2)
	VUNPCKLPD(cd, ab, col[0])
	VUNPCKHPD(cd, ab, col[1])
	return col
}

type outputConstants struct{ half, two, near, far reg.VecVirtual }

func (s *simd) outputConstants() outputConstants {
	return outputConstants{s.number(0.5), s.number(2), s.number(math.Sqrt(0.5)), s.number(math.Sqrt2)}
}

// outputPoints returns Aᵀ·m.
func (s *simd) outputPoints(f tileForm, k outputConstants, m []reg.VecVirtual) []reg.VecVirtual {
	near, far := s.add(m[1], m[2]), s.add(m[3], m[4])
	nearOdd, farOdd := s.mul(s.sub(m[1], m[2]), k.near), s.mul(s.sub(m[3], m[4]), k.far)
	first, second := s.add(s.add(m[0], near), far), s.add(nearOdd, farOdd)
	if f.out == 2 {
		return []reg.VecVirtual{first, s.add(second, m[5])}
	}
	return []reg.VecVirtual{
		first,
		second,
		s.plus(s.mul(far, k.two), k.half, near),
		s.plus(s.plus(m[5], k.half, nearOdd), k.two, farOdd),
	}
}

func winogradOutput(s *simd, f tileForm) {
	name := "winogradOutput" + f.name() + s.name
	TEXT(name, NOSPLIT,
		"func(n int, src *float32, point int, temp, dst *float32, pitch int, at *int32, ahead int, "+
			"bias, least, most float32)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s transforms n tiles back, a positive multiple of the lanes. Element (i, j) of tile t is at "+
		"src[(6·i+j)·point + t]. The tile's %d rows of %[2]d columns go to dst[at[t]] and on: the result plus bias, "+
		"at least least and at most most. It prefetches the tiles ahead elements further. temp has %d vectors.",
		name, f.out, winogradIn*f.out))
	n := Load(Param("n"), GP64())
	src := Load(Param("src"), GP64())
	at := Load(Param("at"), GP64())
	pitch := Load(Param("pitch"), GP64())
	SHLQ(Imm(2), pitch)
	ahead := Load(Param("ahead"), GP64())
	SHLQ(Imm(2), ahead)
	point := Load(Param("point"), GP64())
	SHLQ(Imm(2), point)
	point6 := times6(point)
	k := s.outputConstants()
	Label("tiles")
	temp := Load(Param("temp"), GP64())
	from := GP64()
	MOVQ(src, from)
	in := newSixRows(from, point6)
	repeat("column", winogradIn, func() {
		m := s.vectors(winogradIn)
		for i := range m {
			VMOVUPS(in.at(i), m[i])
			PREFETCHT0(in.at(i).Offset(cacheLine)) // hardware prefetchers follow fewer rows
		}
		for i, v := range s.outputPoints(f, k, m) {
			VMOVUPS(v, Mem{Base: temp, Disp: i * winogradIn * s.bytes()})
		}
		ADDQ(Imm(uint64(s.bytes())), temp)
		in.advance(point)
	})
	Load(Param("temp"), temp)
	dst := Load(Param("dst"), GP64())
	repeat("row", f.out, func() {
		m := s.vectors(winogradIn)
		for j := range m {
			VMOVUPS(Mem{Base: temp, Disp: j * s.bytes()}, m[j])
		}
		y := s.outputPoints(f, k, m)
		bias, least, most := s.parameter("bias"), s.parameter("least"), s.parameter("most")
		for j := range y {
			VADDPS(bias, y[j], y[j])
			VMAXPS(y[j], least, y[j]) // VMAXPS and VMINPS keep their second operand if that is NaN
			VMINPS(y[j], most, y[j])
		}
		if f.out == 2 {
			s.storePairs(y, dst, at)
		} else {
			s.storeTiles(s.quad(y), dst, at)
		}
		s.prefetchTiles(dst, at, ahead, 0)
		ADDQ(I32(int32(winogradIn*s.bytes())), temp)
		ADDQ(pitch, dst)
	})
	ADDQ(Imm(uint64(4*s.lanes)), at)
	ADDQ(Imm(uint64(s.bytes())), src)
	SUBQ(Imm(uint64(s.lanes)), n)
	JNE(LabelRef("tiles"))
	VZEROUPPER()
	RET()
}

// storeTiles is the reverse of loadTiles.
func (s *simd) storeTiles(v []reg.VecVirtual, dst, at reg.Register) {
	offset := GP64()
	for k := range v {
		for l := range s.lanes / 4 {
			MOVLQSX(Mem{Base: at, Disp: 4 * (4*l + k)}, offset)
			to := Mem{Base: dst, Index: offset, Scale: 4}
			switch {
			case l == 0:
				VMOVUPS(v[k].AsX(), to)
			case s == avx2:
				VEXTRACTF128(Imm(1), v[k], to)
			default:
				VEXTRACTF32X4(Imm(uint64(l)), v[k], to)
			}
		}
	}
}

// storePairs stores two columns of tiles.
func (s *simd) storePairs(col []reg.VecVirtual, dst, at reg.Register) {
	offset := GP64()
	for half, unpack := range []func(...Op){VUNPCKLPS, VUNPCKHPS} {
		pairs := s.vec() // of tiles 4·l + 2·half and the next, in lane l
		unpack(col[1], col[0], pairs)
		for l := range s.lanes / 4 {
			two := pairs.AsX()
			if l > 0 {
				two = XMM()
				if s == avx2 {
					VEXTRACTF128(Imm(1), pairs, two)
				} else {
					VEXTRACTF32X4(Imm(uint64(l)), pairs, two)
				}
			}
			for k, store := range []func(...Op){VMOVLPS, VMOVHPS} {
				MOVLQSX(Mem{Base: at, Disp: 4 * (4*l + 2*half + k)}, offset)
				store(two, Mem{Base: dst, Index: offset, Scale: 4})
			}
		}
	}
}

type threeConstants struct{ third, sixth, nearOdd, farOdd reg.VecVirtual }

// threePoints returns G·g of three taps.
func (s *simd) threePoints(k threeConstants, g []reg.VecVirtual) []reg.VecVirtual {
	near := s.mul(s.add(s.add(g[0], g[0]), g[2]), k.third)
	far := s.mul(s.add(s.add(g[2], g[2]), g[0]), k.sixth)
	return []reg.VecVirtual{
		g[0], s.minus(near, k.nearOdd, g[1]), s.plus(near, k.nearOdd, g[1]), s.plus(far, k.farOdd, g[1]),
		s.minus(far, k.farOdd, g[1]), g[2],
	}
}

// filterRow stores a row of g·Gᵀ, and moves from past the row of g.
func (s *simd) filterRow(
	f tileForm, points func(g []reg.VecVirtual) []reg.VecVirtual, from, tap reg.Register, to Mem,
) {
	g := s.vectors(f.taps)
	for j := range g {
		VMOVUPS(Mem{Base: from}, g[j])
		ADDQ(tap, from)
	}
	for j, v := range points(g) {
		VMOVUPS(v, to.Offset(j*s.bytes()))
	}
}

func newThreeConstants(s *simd) threeConstants {
	return threeConstants{
		s.number(-1. / 3), s.number(1. / 6), s.number(math.Sqrt2 / 3), s.number(math.Sqrt2 / 6),
	}
}

// fiveConstants are those of filters of five taps, and of the way back.
type fiveConstants struct{ third, twoThirds, sixth, nearOdd, farOdd reg.VecVirtual }

func newFiveConstants(s *simd) fiveConstants {
	return fiveConstants{
		s.number(1. / 3), s.number(2. / 3), s.number(1. / 6), s.number(math.Sqrt2 / 3), s.number(math.Sqrt2 / 6),
	}
}

// fivePoints returns G·g of five taps.
func (s *simd) fivePoints(k fiveConstants, g []reg.VecVirtual) []reg.VecVirtual {
	middle := s.mul(g[2], k.third)
	near := s.plus(s.plus(middle, k.twoThirds, g[0]), k.sixth, g[4])
	far := s.plus(s.plus(middle, k.sixth, g[0]), k.twoThirds, g[4])
	nearOdd := s.plus(s.mul(g[1], k.nearOdd), k.farOdd, g[3])
	farOdd := s.plus(s.mul(g[1], k.farOdd), k.nearOdd, g[3])
	zero := s.vec()
	VXORPS(zero, zero, zero)
	return []reg.VecVirtual{
		g[0], s.sub(s.sub(zero, near), nearOdd), s.sub(nearOdd, near), s.add(far, farOdd), s.sub(far, farOdd), g[4],
	}
}

func winogradFilters(s *simd, f tileForm) {
	name := "winogradFilters" + f.name() + s.name
	TEXT(name, NOSPLIT, "func(n, rows int, src *float32, tap int, dst *float32, point int, temp *float32)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s transforms %s filters of n channels, up to a vector of each channel's rows filters. "+
		"Tap t of filter i of channel c is at src[%d·c·rows + t·tap + i]; its element (i, j) goes to "+
		"dst[(6·i+j)·point + c·rows + i]. It reads and writes whole vectors. temp has %d vectors.",
		name, f.name(), f.taps*f.taps, winogradIn*f.taps))
	n := Load(Param("n"), GP64())
	rows := Load(Param("rows"), GP64())
	SHLQ(Imm(2), rows)
	src := Load(Param("src"), GP64())
	tap := Load(Param("tap"), GP64())
	SHLQ(Imm(2), tap)
	dst := Load(Param("dst"), GP64())
	point := Load(Param("point"), GP64())
	SHLQ(Imm(2), point)
	point6 := times6(point)
	channel := GP64()
	IMUL3Q(Imm(uint64(f.taps*f.taps)), rows, channel)
	points := s.newFilterPoints(f)
	Label("channel")
	temp := Load(Param("temp"), GP64())
	from := GP64()
	MOVQ(src, from)
	repeat("row", f.taps, func() {
		s.filterRow(f, points, from, tap, Mem{Base: temp})
		ADDQ(I32(int32(winogradIn*s.bytes())), temp)
	})
	Load(Param("temp"), temp)
	to := GP64()
	MOVQ(dst, to)
	out := newSixRows(to, point6)
	repeat("column", winogradIn, func() {
		g := s.vectors(f.taps)
		for i := range g {
			VMOVUPS(Mem{Base: temp, Disp: i * winogradIn * s.bytes()}, g[i])
		}
		for i, v := range points(g) {
			VMOVUPS(v, out.at(i))
		}
		ADDQ(Imm(uint64(s.bytes())), temp)
		out.advance(point)
	})
	ADDQ(channel, src)
	ADDQ(rows, dst)
	DECQ(n)
	JNE(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// newFilterPoints loads constants and returns the function that computes G·g.
func (s *simd) newFilterPoints(f tileForm) func(g []reg.VecVirtual) []reg.VecVirtual {
	if f.taps == 3 {
		k := newThreeConstants(s)
		return func(g []reg.VecVirtual) []reg.VecVirtual { return s.threePoints(k, g) }
	}
	k := newFiveConstants(s)
	return func(g []reg.VecVirtual) []reg.VecVirtual { return s.fivePoints(k, g) }
}

func winogradFilterRows(s *simd) {
	TEXT("winogradFilterRows"+s.name, NOSPLIT, "func(n, rows int, src *float32, tap int, dst *float32)")
	Pragma("noescape")
	doc("winogradFilterRows" + s.name +
		" is the first half of winogradFilters3x3" + s.name + ": element (r, j) of g·Gᵀ of a vector of filters of " +
		"channel c goes to the vector dst[18·c+6·r+j].")
	n := Load(Param("n"), GP64())
	rows9 := Load(Param("rows"), GP64())
	LEAQ(Mem{Base: rows9, Index: rows9, Scale: 8}, rows9)
	SHLQ(Imm(2), rows9)
	src := Load(Param("src"), GP64())
	tap := Load(Param("tap"), GP64())
	SHLQ(Imm(2), tap)
	dst := Load(Param("dst"), GP64())
	form := tileForm{4, 3}
	points := s.newFilterPoints(form)
	Label("channel")
	from := GP64()
	MOVQ(src, from)
	for r := range form.taps {
		s.filterRow(form, points, from, tap, Mem{Base: dst, Disp: r * winogradIn * s.bytes()})
	}
	ADDQ(rows9, src)
	ADDQ(I32(int32(3*winogradIn*s.bytes())), dst)
	DECQ(n)
	JNE(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// fewTiles is how many tiles winogradFewTiles multiplies.
const fewTiles = 4

// winogradFewTiles takes a column of points at a time: the sums of its six points and four tiles
// stay in registers, and the filters' points are used where they are made.
func winogradFewTiles(s *simd) {
	TEXT("winogradFewTiles"+s.name, NOSPLIT,
		"func(n int, rows, input *float32, point, tiles int, sums *float32, sumPoint, sumTile, continues int)")
	Pragma("noescape")
	doc("winogradFewTiles" + s.name + " multiplies a vector of filters of n channels with four tiles. rows is from " +
		"winogradFilterRows. Element (i, j) of tile t of channel c is at input[(6·i+j)·point + c·tiles + t], the " +
		"vector of its sums at sums[(6·i+j)·sumPoint + t·sumTile]; these begin at zero unless continues is 1.")
	bytes := func(name string) reg.GPVirtual {
		n := GP64()
		Load(Param(name), n)
		SHLQ(Imm(2), n)
		return n
	}
	point6, sumPoint6 := times6(bytes("point")), times6(bytes("sumPoint"))
	tiles, sumTile := bytes("tiles"), bytes("sumTile")
	rows := Load(Param("rows"), GP64())
	input := Load(Param("input"), GP64())
	sums := Load(Param("sums"), GP64())
	repeat("column", winogradIn, func() {
		var acc [winogradIn][]reg.VecVirtual
		eachSum := func(do func(sum Mem, acc reg.VecVirtual)) {
			to := GP64()
			MOVQ(sums, to)
			for i := range acc {
				at := GP64()
				MOVQ(to, at)
				for t := range acc[i] {
					do(Mem{Base: at}, acc[i][t])
					if t < fewTiles-1 {
						ADDQ(sumTile, at)
					}
				}
				if i < winogradIn-1 {
					ADDQ(sumPoint6, to)
				}
			}
		}
		for i := range acc {
			acc[i] = s.vectors(fewTiles)
			for _, a := range acc[i] {
				VXORPS(a, a, a)
			}
		}
		continues := Load(Param("continues"), GP64())
		TESTQ(continues, continues)
		JE(LabelRef("begin"))
		eachSum(func(sum Mem, acc reg.VecVirtual) { VMOVUPS(sum, acc) })
		Label("begin")
		s.addPoints(rows, input, point6, tiles, acc[:])
		eachSum(func(sum Mem, acc reg.VecVirtual) { VMOVUPS(acc, sum) })
		ADDQ(Imm(uint64(s.bytes())), rows)
		point := Load(Param("point"), GP64())
		LEAQ(Mem{Base: input, Index: point, Scale: 4}, input)
		sumPoint := Load(Param("sumPoint"), GP64())
		LEAQ(Mem{Base: sums, Index: sumPoint, Scale: 4}, sums)
	})
	VZEROUPPER()
	RET()
}

// addPoints adds the products of one column of points, of all channels. Its points are those of
// threePoints, whose constants it reads from memory: the sums need the registers.
func (s *simd) addPoints(rows, input, point6, tiles reg.Register, acc [][]reg.VecVirtual) {
	n := Load(Param("n"), GP64())
	from, first := GP64(), GP64()
	MOVQ(rows, from)
	MOVQ(input, first)
	in := newSixRows(first, point6)
	third, sixth := word32(-1./3), word32(1./6)
	nearOdd, farOdd := word32(math.Sqrt2/3), word32(math.Sqrt2/6)
	Label("channel")
	g := s.vectors(3)
	for r := range g {
		VMOVUPS(Mem{Base: from, Disp: r * winogradIn * s.bytes()}, g[r])
	}
	multiply := func(i int, v reg.VecVirtual) {
		for t, a := range acc[i] {
			VFMADD231PS_BCST(in.at(i).Offset(4*t), v, a)
		}
	}
	pair := func(i int, even reg.VecVirtual, least, most func(...Op), odd Mem) {
		for k, emit := range []func(...Op){least, most} {
			v := s.vec()
			VMOVAPS(even, v)
			emit(odd, g[1], v)
			multiply(i+k, v)
		}
	}
	multiply(0, g[0])
	near := s.add(s.add(g[0], g[0]), g[2])
	VMULPS_BCST(third, near, near)
	pair(1, near, VFNMADD231PS_BCST, VFMADD231PS_BCST, nearOdd)
	far := s.add(s.add(g[2], g[2]), g[0])
	VMULPS_BCST(sixth, far, far)
	pair(3, far, VFMADD231PS_BCST, VFNMADD231PS_BCST, farOdd)
	multiply(5, g[2])
	ADDQ(I32(int32(3*winogradIn*s.bytes())), from)
	in.advance(tiles)
	DECQ(n)
	JNE(LabelRef("channel"))
}

// word32 is a constant in memory.
func word32(v float64) Mem { return word(math.Float32bits(float32(v))) }

// gradientPoints returns A·y.
func (s *simd) gradientPoints(k outputConstants, y []reg.VecVirtual) []reg.VecVirtual {
	near, nearOdd, far, farOdd := y[0], y[1], y[0], y[1]
	if len(y) == 4 {
		near, nearOdd = s.plus(y[0], k.half, y[2]), s.plus(y[1], k.half, y[3])
		far, farOdd = s.plus(y[0], k.two, y[2]), s.plus(y[1], k.two, y[3])
	}
	return []reg.VecVirtual{
		y[0], s.plus(near, k.near, nearOdd), s.minus(near, k.near, nearOdd), s.plus(far, k.far, farOdd),
		s.minus(far, k.far, farOdd), y[len(y)-1],
	}
}

func winogradGradient(s *simd, f tileForm) {
	name := "winogradGradient" + f.name() + s.name
	TEXT(name, NOSPLIT, tilesSignature)
	Pragma("noescape")
	doc(fmt.Sprintf("%s transforms the output gradients of n tiles, a positive multiple of the lanes. The %d rows of "+
		"%[2]d columns of tile t begin at src[at[t]]; its element (i, j) goes to dst[(6·i+j)·point + t]. It reads 4 "+
		"columns of each row. temp has %d vectors.", name, f.out, winogradIn*f.out))
	s.transformTiles(f.out, func() tileTransform {
		k := s.outputConstants()
		return tileTransform{
			load: func(src, at reg.Register) []reg.VecVirtual {
				if f.out == 2 {
					return s.lowPairs(s.loadTiles(src, at, 0))
				}
				return s.quad(s.loadTiles(src, at, 0))
			},
			points: func(y []reg.VecVirtual) []reg.VecVirtual { return s.gradientPoints(k, y) },
		}
	})
}

// tapPoints returns Gᵀ·m.
func (s *simd) tapPoints(f tileForm, k fiveConstants, m []reg.VecVirtual) []reg.VecVirtual {
	near, nearOdd := s.add(m[1], m[2]), s.sub(m[2], m[1])
	far, farOdd := s.add(m[3], m[4]), s.sub(m[3], m[4])
	taps := []reg.VecVirtual{
		s.plus(s.minus(m[0], k.twoThirds, near), k.sixth, far),
		s.plus(s.mul(nearOdd, k.nearOdd), k.farOdd, farOdd),
	}
	if f.taps == 3 {
		return append(taps, s.plus(m[5], k.third, s.sub(far, near)))
	}
	return append(
		taps,
		s.mul(s.sub(far, near), k.third),
		s.plus(s.mul(nearOdd, k.farOdd), k.nearOdd, farOdd),
		s.plus(s.minus(m[5], k.sixth, near), k.twoThirds, far),
	)
}

func winogradTaps(s *simd, f tileForm) {
	name := "winogradTaps" + f.name() + s.name
	TEXT(name, NOSPLIT, "func(n int, src *float32, point int, temp, dst *float32, tap int)")
	Pragma("noescape")
	doc(fmt.Sprintf("%s transforms n filters back, a positive multiple of the lanes. Element (i, j) of filter f is at "+
		"src[(6·i+j)·point + f]; its tap k goes to dst[k·tap + f]. temp has %d vectors.", name, winogradIn*f.taps))
	n := Load(Param("n"), GP64())
	src := Load(Param("src"), GP64())
	dst := Load(Param("dst"), GP64())
	tap := Load(Param("tap"), GP64())
	SHLQ(Imm(2), tap)
	point := Load(Param("point"), GP64())
	SHLQ(Imm(2), point)
	point6 := times6(point)
	k := newFiveConstants(s)
	Label("filters")
	temp := Load(Param("temp"), GP64())
	from := GP64()
	MOVQ(src, from)
	in := newSixRows(from, point6)
	repeat("column", winogradIn, func() {
		m := s.vectors(winogradIn)
		for i := range m {
			VMOVUPS(in.at(i), m[i])
		}
		for i, v := range s.tapPoints(f, k, m) {
			VMOVUPS(v, Mem{Base: temp, Disp: i * winogradIn * s.bytes()})
		}
		ADDQ(Imm(uint64(s.bytes())), temp)
		in.advance(point)
	})
	Load(Param("temp"), temp)
	to := GP64()
	MOVQ(dst, to)
	repeat("row", f.taps, func() {
		m := s.vectors(winogradIn)
		for j := range m {
			VMOVUPS(Mem{Base: temp, Disp: j * s.bytes()}, m[j])
		}
		for _, v := range s.tapPoints(f, k, m) {
			VMOVUPS(v, Mem{Base: to})
			ADDQ(tap, to)
		}
		ADDQ(I32(int32(winogradIn*s.bytes())), temp)
	})
	ADDQ(Imm(uint64(s.bytes())), src)
	ADDQ(Imm(uint64(s.bytes())), dst)
	SUBQ(Imm(uint64(s.lanes)), n)
	JNE(LabelRef("filters"))
	VZEROUPPER()
	RET()
}
