// Command asm writes the package's assembly for products and packing on amd64. Run it by
// `go generate` in the package's folder.
//
// One generator function writes a kernel for both instruction sets; its argument, a simd value, is
// one of them.
package main

import (
	"strings"
	"sync"
	"unicode/utf8"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	for _, s := range []*simd{avx2, avx512} {
		for vectors := 1; vectors <= 2; vectors++ {
			for rows := 1; rows <= s.rows; rows++ {
				tile(s, rows, vectors)
			}
		}
		for rows := 1; rows <= s.dot; rows++ {
			for cols := 1; cols <= s.dot; cols++ {
				dot(s, rows, cols)
			}
		}
		laneSums(s)
		copyRows(s)
		im2col(s)
		transpose(s, "transpose", false)
		transpose(s, "gatherTranspose", true)
		winograd(s)
	}
	for _, s := range []*simd{halfAVX2, halfAVX512} {
		for rows := 1; rows <= s.rows; rows++ {
			tile(s, rows, 1)
		}
	}
	for rows := 1; rows <= rows64; rows++ {
		for vectors := 1; vectors <= vectors64; vectors++ {
			sums64(rows, vectors)
		}
	}
	pause()
	Generate()
}

// pause is one PAUSE instruction, for spinning workers.
func pause() {
	TEXT("pause", NOSPLIT, "func()")
	Pragma("noescape")
	PAUSE()
	RET()
}

// simd holds what differs between the instruction sets.
type simd struct {
	name  string // suffix of the functions
	lanes int
	rows  int // most rows of a tile
	dot   int // most rows and columns of dot products at once
	vec   func() reg.VecVirtual

	only bool // tiles take a row-major A only, and whole vectors only
}

var (
	avx2   = &simd{name: "AVX2", lanes: 8, rows: 6, dot: 3, vec: YMM}
	avx512 = &simd{name: "AVX512", lanes: 16, rows: 14, dot: 5, vec: ZMM}

	// The last few columns of a panel take half a vector, and twice as many rows to keep as many
	// sums.
	halfAVX2   = &simd{name: "HalfAVX2", lanes: 4, rows: 12, vec: XMM, only: true}
	halfAVX512 = &simd{name: "HalfAVX512", lanes: 8, rows: 12, vec: YMM, only: true}
)

func (s *simd) bytes() int { return 4 * s.lanes }

// mask selects the existing lanes of one vector: an opmask, or a vector of sign bits. The zero mask
// selects all.
type mask struct {
	s *simd
	k reg.Register
}

var maskRegisters = []reg.Register{reg.K1, reg.K2}

// lanes8 is eight words of ones and eight of zeros: a vector read n words before their border has
// its first n lanes set.
var lanes8 = sync.OnceValue(func() Mem {
	table := GLOBL("lanes8", RODATA|NOPTR)
	for i := range 16 {
		word := U32(0)
		if i < 8 {
			word = 0xffffffff
		}
		DATA(4*i, word)
	}
	return table
})

// firstLanes returns masks for the first n lanes of count vectors. It preserves n, which may exceed
// all lanes.
func (s *simd) firstLanes(n reg.Register, count int) []mask {
	masks := make([]mask, count)
	for v := range masks {
		masks[v] = s.mask(n, v*s.lanes, v)
	}
	return masks
}

// mask returns the mask of a vector's first n-skip lanes, in opmask register slot if the
// instruction set has those.
func (s *simd) mask(n reg.Register, skip, slot int) mask {
	left := GP64()
	LEAQ(Mem{Base: n, Disp: -skip}, left)
	clamp(left, s.lanes)
	if s == avx512 {
		ones := GP64()
		MOVQ(I32(-1), ones)
		BZHIQ(left, ones, ones)
		KMOVW(ones.As32(), maskRegisters[slot])
		return mask{s, maskRegisters[slot]}
	}
	table, m := GP64(), YMM()
	LEAQ(lanes8(), table)
	NEGQ(left)
	VMOVUPS(Mem{Base: table, Index: left, Scale: 4, Disp: 4 * s.lanes}, m)
	return mask{s, m}
}

// clamp limits x to [0, most].
func clamp(x reg.GPVirtual, most int) {
	limit := GP64()
	XORQ(limit, limit)
	TESTQ(x, x)
	CMOVQLT(limit, x)
	MOVQ(U32(uint32(most)), limit)
	CMPQ(x, limit)
	CMOVQGT(limit, x)
}

// load reads the lanes of the mask and sets the others to zero. It doesn't touch their memory.
func (m mask) load(from Mem, to reg.Register) {
	switch m.s {
	case nil:
		VMOVUPS(from, to)
	case avx512:
		VMOVUPS_Z(from, m.k, to)
	default:
		VMASKMOVPS(from, m.k, to)
	}
}

// store writes the lanes of the mask.
func (m mask) store(from reg.Register, to Mem) {
	switch m.s {
	case nil:
		VMOVUPS(from, to)
	case avx512:
		VMOVUPS(from, m.k, to)
	default:
		VMASKMOVPS(from, m.k, to)
	}
}

func zero(v reg.Register) { VXORPS(v, v, v) }

// vectors returns n vector registers.
func (s *simd) vectors(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

// doc sets the current function's comment, wrapped at 100 columns.
func doc(text string) {
	const columns = 100 - len("// ")
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	Doc(append(lines, line)...)
}
