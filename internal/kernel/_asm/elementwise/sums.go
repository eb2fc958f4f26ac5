package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sumLanes is the number of parallel sums, in float64: element i goes to lane i mod sumLanes, and
// the lanes are summed by halves. The portable code does the same, so the bits are the same.
const sumLanes = 16

func sums(s *simd) {
	rowSums(s, "sumRows", "each row", func(v []vec, sum vec) { VADDPD(v[0], sum, sum) })
	// The square of a float32 is exact in float64, so fusing doesn't change the bits.
	rowSums(s, "sumSquareRows", "the squares of each row", func(v []vec, sum vec) { VFMADD231PD(v[0], v[0], sum) })
	moments(s)
}

// moments emits the sums of a normalization: of the squared distances from a mean, and of their
// products with dy. The caller adds what is left of a vector, and the lanes.
func moments(s *simd) {
	sumAbout(s, "squaresAbout", "(x - mean)²", func(_ Mem, distance vec) vec { return s.wideMul(distance, distance) })
	sumAbout(s, "productsAbout", "dy·(x - mean)", func(dy Mem, distance vec) vec {
		wide := s.vec()
		VCVTPS2PD(dy, wide)
		return s.wideMul(wide, distance)
	})
}

func (s *simd) wideMul(a, b vec) vec { return s.binary(VMULPD, a, b) }

func sumAbout(s *simd, name, what string, term func(dy Mem, distance vec) vec) {
	TEXT(name+s.name, NOSPLIT, "func(n int, x, dy *float32, mean float64, lanes *float64)")
	Pragma("noescape")
	doc(name + s.name + " sums " + what + " of n elements, a positive multiple of 16, in 16 lanes.")
	n := Load(Param("n"), GP64())
	x, dy := Load(Param("x"), GP64()), Load(Param("dy"), GP64())
	at, err := Param("mean").Resolve()
	if err != nil {
		panic(err)
	}
	mean := s.vec()
	VBROADCASTSD(at.Addr, mean)
	sum := make([]vec, sumLanes/s.doubles())
	for i := range sum {
		sum[i] = s.zero()
	}
	half := 2 * s.lanes // bytes of as many float32 as there are doubles in a vector
	Label("sixteen")
	for i := range sum {
		wide := s.vec()
		VCVTPS2PD(Mem{Base: x, Disp: i * half}, wide)
		VADDPD(term(Mem{Base: dy, Disp: i * half}, s.binary(VSUBPD, wide, mean)), sum[i], sum[i])
	}
	ADDQ(Imm(4*sumLanes), x)
	ADDQ(Imm(4*sumLanes), dy)
	SUBQ(Imm(sumLanes), n)
	JNE(LabelRef("sixteen"))
	to := Load(Param("lanes"), GP64())
	for i, v := range sum {
		VMOVUPD(v, Mem{Base: to, Disp: i * s.bytes()})
	}
	VZEROUPPER()
	RET()
}

func rowSums(s *simd, name, what string, accumulate func(v []vec, sum vec)) {
	TEXT(name+s.name, NOSPLIT, "func(rows, n int, x *float32, sums *float64)")
	Pragma("noescape")
	doc(name + s.name + " sums " + what + " of n elements; rows is positive.")
	s.sumRows([]reg.Register{Load(Param("x"), GP64())}, accumulate)
}

// sumRows emits the body of a function that sums each row. accumulate gets a vector of each array.
func (s *simd) sumRows(arrays []reg.Register, accumulate func(v []vec, sum vec)) {
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	to := Load(Param("sums"), GP64())
	whole, rest := GP64(), GP64()
	MOVQ(n, whole)
	SHRQ(Imm(4), whole)
	MOVQ(n, rest)
	ANDQ(Imm(sumLanes-1), rest)
	part := s.sixteen(rest)
	left := GP64()
	sum := make([]vec, sumLanes/s.doubles())
	for i := range sum {
		sum[i] = s.vec()
	}
	add := func(l []lanes) {
		wide := make([][]vec, len(sum))
		for _, x := range arrays {
			for i, v := range s.widened(l, Mem{Base: x}) {
				wide[i] = append(wide[i], v)
			}
		}
		for i, v := range wide {
			accumulate(v, sum[i])
		}
	}
	Label("row")
	for _, v := range sum {
		s.xor(v, v, v)
	}
	MOVQ(whole, left)
	TESTQ(left, left)
	JEQ(LabelRef("part"))
	Label("whole")
	add(nil)
	for _, x := range arrays {
		ADDQ(Imm(4*sumLanes), x)
	}
	DECQ(left)
	JNE(LabelRef("whole"))
	Label("part")
	TESTQ(rest, rest)
	JEQ(LabelRef("fold"))
	add(part)
	for _, x := range arrays {
		LEAQ(Mem{Base: x, Index: rest, Scale: 4}, x)
	}
	Label("fold")
	VMOVSD(s.folded(sum), Mem{Base: to})
	ADDQ(Imm(8), to)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// doubles is the number of float64 in a vector.
func (s *simd) doubles() int { return s.lanes / 2 }

// sixteen returns the first n of sixteen lanes, n below 16. It preserves n.
func (s *simd) sixteen(n reg.Register) []lanes {
	var parts []lanes
	for skip := 0; skip < sumLanes; skip += s.lanes {
		parts = append(parts, s.firstOf(n, 1, skip, len(parts)))
	}
	return parts
}

// widened loads sixteen elements as float64, masked by l unless that is nil.
func (s *simd) widened(l []lanes, from Mem) []vec {
	wide := make([]vec, sumLanes/s.doubles())
	half := 2 * s.lanes // bytes of as many float32
	for i := range wide {
		wide[i] = s.vec()
		if l == nil {
			VCVTPS2PD(from.Offset(half*i), wide[i])
		}
	}
	for i, part := range l {
		v := part.load(from.Offset(s.bytes() * i))
		if s == avx512 {
			upper := YMM()
			VEXTRACTF64X4(Imm(1), v, upper)
			VCVTPS2PD(v.AsY(), wide[0])
			VCVTPS2PD(upper, wide[1])
			continue
		}
		upper := XMM()
		VEXTRACTF128(Imm(1), v, upper)
		VCVTPS2PD(v.AsX(), wide[2*i])
		VCVTPS2PD(upper, wide[2*i+1])
	}
	return wide
}

// folded sums all lanes: it adds the upper half to the lower half until one is left.
func (s *simd) folded(sum []vec) reg.Register {
	for n := len(sum) / 2; n > 0; n /= 2 {
		for i := range n {
			VADDPD(sum[n+i], sum[i], sum[i])
		}
	}
	four := sum[0]
	if s == avx512 {
		upper := YMM()
		VEXTRACTF64X4(Imm(1), sum[0], upper)
		VADDPD(upper, sum[0].AsY(), sum[0].AsY())
	}
	two, one := XMM(), XMM()
	VEXTRACTF128(Imm(1), four.AsY(), two)
	VADDPD(two, four.AsX(), two)
	VUNPCKHPD(two, two, one)
	VADDSD(one, two, two)
	return two
}
