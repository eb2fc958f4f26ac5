package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// goldenGamma is SplitMix64's increment.
const goldenGamma = 0x9e3779b97f4a7c15

// dropout draws a random number of 64 bits for each element, the same as the portable code.
func dropout(s *simd) {
	TEXT("dropout"+s.name, NOSPLIT, "func(n int, x, y *float32, state, dropBelow uint64, scale float32)")
	Pragma("noescape")
	doc("dropout" + s.name + " is y = x·scale, or x·0 where the upper 53 bits of SplitMix64 are below dropBelow; " +
		"state is that of the first element.")
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	x, y := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	scale, dropBelow := s.parameter("scale"), s.quadParameter("dropBelow")
	half := uint64(s.lanes / 2)
	low, high := s.vec(), s.vec() // states for the two halves of a vector
	first := s.quadParameter("state")
	VPADDQ(steps(1, half), first, low)
	VPADDQ(steps(1+half, half), first, high)
	gamma := uint64(goldenGamma)
	step := s.quad(2 * half * gamma)
	s.over("", n, func(l lanes) {
		kept := s.kept(s.splitMix(low), s.splitMix(high), dropBelow, scale)
		l.store(s.mul(l.load(Mem{Base: x}), kept), Mem{Base: y})
	}, func() {
		VPADDQ(step, low, low)
		VPADDQ(step, high, high)
		ADDQ(Imm(uint64(s.bytes())), x)
		ADDQ(Imm(uint64(s.bytes())), y)
	})
	VZEROUPPER()
	RET()
}

// kept returns scale where the number isn't below dropBelow, else 0.
func (s *simd) kept(low, high, dropBelow, scale vec) vec {
	to := s.vec()
	VPSRLQ(Imm(11), low, low)
	VPSRLQ(Imm(11), high, high)
	if s == avx512 {
		const notLess = 5
		VPCMPUQ(Imm(notLess), dropBelow, low, reg.K2)
		VPCMPUQ(Imm(notLess), dropBelow, high, reg.K3)
		KUNPCKBW(reg.K2, reg.K3, reg.K2)
		VMOVAPS_Z(scale, reg.K2, to)
		return to
	}
	VPCMPGTQ(low, dropBelow, low)
	VPCMPGTQ(high, dropBelow, high)
	VSHUFPS(Imm(0x88), high, low, to)
	VPERMQ(Imm(0xd8), to, to)
	VPANDN(scale, to, to)
	return to
}

// splitMix is SplitMix64's output function, without its increment.
func (s *simd) splitMix(state vec) vec {
	x := s.vec()
	VPSRLQ(Imm(30), state, x)
	s.xor(state, x, x)
	x = s.mulQuads(x, 0xbf58476d1ce4e5b9)
	x = s.mulQuads(s.mixed(x, 27), 0x94d049bb133111eb)
	return s.mixed(x, 31)
}

func (s *simd) mixed(x vec, shift uint64) vec {
	to := s.vec()
	VPSRLQ(Imm(shift), x, to)
	s.xor(x, to, to)
	return to
}

// mulQuads returns the low 64 bits of x·c. AVX2 only multiplies 32 bits by 32.
func (s *simd) mulQuads(x vec, c uint64) vec {
	to := s.vec()
	if s == avx512 {
		VPMULLQ(s.quad(c), x, to)
		return to
	}
	cross, upper := s.vec(), s.vec()
	VPSRLQ(Imm(32), x, upper)
	VPMULUDQ(s.quad(c), upper, upper)
	VPMULUDQ(s.quad(c>>32), x, cross)
	VPADDQ(upper, cross, cross)
	VPSLLQ(Imm(32), cross, cross)
	VPMULUDQ(s.quad(c), x, to)
	VPADDQ(cross, to, to)
	return to
}

// quad returns a constant in every lane of 64 bits.
func (s *simd) quad(v uint64) vec {
	to := s.vec()
	VPBROADCASTQ(quadConstant(v), to)
	return to
}

func (s *simd) quadParameter(name string) vec {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	to := s.vec()
	VPBROADCASTQ(at.Addr, to)
	return to
}

func quadConstant(v uint64) Mem {
	name := fmt.Sprintf("quad%016x", v)
	if _, ok := tables[name]; !ok {
		tables[name] = GLOBL(name, RODATA|NOPTR)
		DATA(0, U64(v))
	}
	return tables[name]
}

// steps emits the constants first, first+1, … increments of the generator.
func steps(first, count uint64) Mem {
	name := fmt.Sprintf("steps%dof%d", first, count)
	if _, ok := tables[name]; !ok {
		tables[name] = GLOBL(name, RODATA|NOPTR)
		for i := range count {
			step := uint64(goldenGamma)
			step *= first + i
			DATA(int(8*i), U64(step))
		}
	}
	return tables[name]
}
