package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vec is a vector register with a value.
type vec = reg.VecVirtual

// simd is one instruction set. Each method emits an operation and returns the register of the
// result.
type simd struct {
	name  string // suffix of the functions
	lanes int
	group int // vectors whose instructions longElements interleaves: as many as the registers hold
	vec   func() vec
}

var (
	avx2   = &simd{name: "AVX2", lanes: 8, group: 2, vec: YMM}
	avx512 = &simd{name: "AVX512", lanes: 16, group: 3, vec: ZMM}
)

func (s *simd) bytes() int { return 4 * s.lanes }

// recorded is where emit puts instructions, or nil. Constants are loaded with the instruction that
// follows, so that few are in registers.
var (
	recorded *[]func()
	loads    []func()
)

// emit emits instructions, or records them to be emitted later.
func emit(instructions func()) {
	if recorded == nil {
		instructions()
		return
	}
	before := loads
	loads = nil
	*recorded = append(*recorded, func() {
		for _, load := range before {
			load()
		}
		instructions()
	})
}

// interleave emits n bodies, the first instruction of each, the second of each, and so on. Each
// instruction of a body mostly waits for the one before, and a core looks only so far ahead.
func interleave(n int, body func(i int)) {
	bodies := make([][]func(), n)
	for i := range bodies {
		recorded = &bodies[i]
		body(i)
	}
	recorded = nil
	for step := range bodies[0] {
		for _, b := range bodies {
			b[step]()
		}
	}
}

func (s *simd) binary(instruction func(...Op), a, b Op) vec {
	to := s.vec()
	emit(func() { instruction(b, a, to) })
	return to
}

func (s *simd) add(a, b Op) vec { return s.binary(VADDPS, a, b) }
func (s *simd) sub(a, b Op) vec { return s.binary(VSUBPS, a, b) }
func (s *simd) mul(a, b Op) vec { return s.binary(VMULPS, a, b) }
func (s *simd) div(a, b Op) vec { return s.binary(VDIVPS, a, b) }

// min and max return b where a or b is NaN.
func (s *simd) min(a, b Op) vec { return s.binary(VMINPS, a, b) }
func (s *simd) max(a, b Op) vec { return s.binary(VMAXPS, a, b) }

func (s *simd) sqrt(a Op) vec {
	to := s.vec()
	emit(func() { VSQRTPS(a, to) })
	return to
}

// fma returns a·b + c and fnma c - a·b, rounded once. Both overwrite c's register.
func fma(a, b Op, c vec) vec {
	emit(func() { VFMADD231PS(b, a, c) })
	return c
}

func fnma(a, b Op, c vec) vec {
	emit(func() { VFNMADD231PS(b, a, c) })
	return c
}

// fms returns a·b - c, rounded once. It overwrites c's register.
func fms(a, b Op, c vec) vec {
	emit(func() { VFMSUB231PS(b, a, c) })
	return c
}

func (s *simd) copy(a vec) vec {
	to := s.vec()
	emit(func() { VMOVAPS(a, to) })
	return to
}

func (s *simd) zero() vec {
	to := s.vec()
	s.xor(to, to, to)
	return to
}

func (s *simd) xor(a, b, to vec) {
	emit(func() {
		if s == avx512 {
			VPXORD(b, a, to)
			return
		}
		VPXOR(b, a, to)
	})
}

func (s *simd) and(a, b vec) vec {
	to := s.vec()
	emit(func() {
		if s == avx512 {
			VPANDD(b, a, to)
			return
		}
		VPAND(b, a, to)
	})
	return to
}

const signBit = 0x80000000

func (s *simd) abs(a vec) vec { return s.and(a, s.word(^uint32(signBit))) }

func (s *simd) or(a, b vec) vec {
	to := s.vec()
	emit(func() {
		if s == avx512 {
			VPORD(b, a, to)
			return
		}
		VPOR(b, a, to)
	})
	return to
}

// Quiet comparisons of VCMPPS: "not less or equal" is true for NaN.
const (
	unordered      = 0x03
	ordered        = 0x07
	notLessOrEqual = 0x16

	greater           = 0x1e
	notGreater        = 0x1a
	greaterOrEqual    = 0x1d
	notGreaterOrEqual = 0x19
)

// where returns v in the lanes where the comparison of a and b holds, zero elsewhere.
func (s *simd) where(comparison uint8, a, b, v vec) vec {
	if s == avx512 {
		to := s.vec()
		emit(func() {
			VCMPPS(Imm(uint64(comparison)), b, a, reg.K4)
			VMOVAPS_Z(v, reg.K4, to)
		})
		return to
	}
	m := s.vec()
	emit(func() { VCMPPS(Imm(uint64(comparison)), b, a, m) })
	return s.and(m, v)
}

// word and number return a constant in every lane.
func (s *simd) word(bits uint32) vec { return s.broadcast(constant(bits)) }

func (s *simd) number(v float32) vec { return s.word(math.Float32bits(v)) }

func (s *simd) broadcast(from Mem) vec {
	to := s.vec()
	load := func() { VBROADCASTSS(from, to) }
	if recorded == nil {
		load()
	} else {
		loads = append(loads, load)
	}
	return to
}

var constants = map[uint32]Mem{}

func constant(bits uint32) Mem {
	if _, ok := constants[bits]; !ok {
		at := GLOBL(fmt.Sprintf("word%08x", bits), RODATA|NOPTR)
		DATA(0, U32(bits))
		constants[bits] = at
	}
	return constants[bits]
}

// lanes selects the part of a vector to read and write: all of it, or the first few lanes. The
// others read as zeros.
type lanes struct {
	s    *simd
	mask reg.Register // nil: all
}

func (l lanes) load(from Mem) vec {
	to := l.s.vec()
	emit(func() {
		switch {
		case l.mask == nil:
			VMOVUPS(from, to)
		case l.s == avx512:
			VMOVUPS_Z(from, l.mask, to)
		default:
			VMASKMOVPS(from, l.mask, to)
		}
	})
	return to
}

func (l lanes) store(v vec, to Mem) {
	emit(func() {
		switch {
		case l.mask == nil:
			VMOVUPS(v, to)
		case l.s == avx512:
			VMOVUPS(v, l.mask, to)
		default:
			VMASKMOVPS(v, l.mask, to)
		}
	})
}

var maskTable *Mem

// tableOfLanes is eight words of ones and eight of zeros: a vector read n words before their border
// has its first n lanes set.
func tableOfLanes() Mem {
	if maskTable != nil {
		return *maskTable
	}
	table := GLOBL("firstLanes", RODATA|NOPTR)
	for i := range 16 {
		word := U32(0)
		if i < 8 {
			word = 0xffffffff
		}
		DATA(4*i, word)
	}
	maskTable = &table
	return table
}

var maskRegisters = []reg.Register{reg.K1, reg.K2, reg.K3}

// first returns the first n lanes; n is at most a vector's and is overwritten. slot separates the
// masks of a function.
func (s *simd) first(n reg.GPVirtual, slot int) lanes {
	if s == avx512 {
		ones := GP64()
		MOVQ(I32(-1), ones)
		BZHIQ(n, ones, ones)
		KMOVW(ones.As32(), maskRegisters[slot])
		return lanes{s, maskRegisters[slot]}
	}
	table, m := GP64(), s.vec()
	LEAQ(tableOfLanes(), table)
	NEGQ(n)
	VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: s.bytes()}, m)
	return lanes{s, m}
}

// firstOf returns the first times·n - skip lanes: none below 0, all above a vector. It preserves n.
func (s *simd) firstOf(n reg.Register, times uint8, skip, slot int) lanes {
	left, zero, most := GP64(), GP64(), GP64()
	IMUL3Q(U8(times), n, left)
	SUBQ(Imm(uint64(skip)), left)
	XORQ(zero, zero)
	TESTQ(left, left)
	CMOVQLT(zero, left)
	MOVQ(U32(s.lanes), most)
	CMPQ(left, most)
	CMOVQGT(most, left)
	return s.first(left, slot)
}

// over emits body for n elements, a vector at a time: for the whole vectors and, if elements are
// left, for a partial one. advance moves the pointers by a vector. label separates the loops of a
// function.
func (s *simd) over(label string, n reg.GPVirtual, body func(l lanes), advance func()) {
	SUBQ(Imm(uint64(s.lanes)), n)
	JLT(LabelRef(label + "part"))
	Label(label + "whole")
	body(lanes{s: s})
	advance()
	SUBQ(Imm(uint64(s.lanes)), n)
	JGE(LabelRef(label + "whole"))
	Label(label + "part")
	ADDQ(Imm(uint64(s.lanes)), n)
	JEQ(LabelRef(label + "end"))
	body(s.first(n, 0))
	Label(label + "end")
}

// overGroups is over with the instructions of several vectors interleaved as long as there are so
// many. Each body gets its vector's distance from the pointers in bytes; advance moves these by n
// vectors.
func (s *simd) overGroups(group int, n reg.GPVirtual, body func(l lanes, at int), advance func(n int)) {
	if group > 1 {
		SUBQ(Imm(uint64(group*s.lanes)), n)
		JLT(LabelRef("few"))
		Label("group")
		interleave(group, func(i int) { body(lanes{s: s}, i*s.bytes()) })
		advance(group)
		SUBQ(Imm(uint64(group*s.lanes)), n)
		JGE(LabelRef("group"))
		Label("few")
		ADDQ(Imm(uint64(group*s.lanes)), n)
	}
	s.over("", n, func(l lanes) { body(l, 0) }, func() { advance(1) })
}

// An elementsBody computes a vector of each written array from one of each read array.
type elementsBody func(in []vec, k func(int) vec) []vec

// elements emits a function over n elements of up to four arrays, with constants k if body uses
// them. read and written name the arrays, such as "ab" and "c".
func elements(s *simd, name, what, read, written string, body elementsBody) {
	groupedElements(s, 1, name, what, read, written, body)
}

// longElements is elements for a body of many instructions that wait for each other.
func longElements(s *simd, name, what, read, written string, body elementsBody) {
	groupedElements(s, s.group, name, what, read, written, body)
}

func groupedElements(s *simd, group int, name, what, read, written string, body elementsBody) {
	TEXT(name+s.name, NOSPLIT, "func(n int, a, b, c, d *float32, k *[9]float32)")
	Pragma("noescape")
	doc(name + s.name + " is " + what + ".")
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	arrays := map[rune]reg.Register{}
	for _, array := range read + written {
		if arrays[array] == nil {
			arrays[array] = Load(Param(string(array)), GP64())
		}
	}
	constants := Load(Param("k"), GP64())
	k := func(i int) vec { return s.broadcast(Mem{Base: constants, Disp: 4 * i}) }
	at := GP64()
	XORQ(at, at)
	s.overGroups(group, n, func(l lanes, disp int) {
		in := make([]vec, 0, 4)
		for _, array := range read {
			in = append(in, l.load(Mem{Base: arrays[array], Index: at, Scale: 1, Disp: disp}))
		}
		for i, v := range body(in, k) {
			l.store(v, Mem{Base: arrays[rune(written[i])], Index: at, Scale: 1, Disp: disp})
		}
	}, func(n int) { ADDQ(U32(n*s.bytes()), at) })
	VZEROUPPER()
	RET()
}
