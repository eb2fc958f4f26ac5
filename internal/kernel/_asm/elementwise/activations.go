package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func activations(s *simd) {
	elements(s, "relu", "relu", "a", "b", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.where(notLessOrEqual, in[0], s.zero(), in[0])}
	})
	elements(s, "reluBackward", "reluBackward", "ab", "c", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.where(notLessOrEqual, in[0], s.zero(), in[1])}
	})
	longElements(s, "exp", "b = e^a", "a", "b", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.exp(in[0])}
	})
	longElements(s, "sigmoid", "sigmoid", "a", "b", func(in []vec, _ func(int) vec) []vec {
		return []vec{s.div(s.number(1), s.add(s.number(1), s.exp(s.sub(s.zero(), in[0]))))}
	})
	elements(s, "sigmoidBackward", "sigmoidBackward", "ab", "c", func(in []vec, _ func(int) vec) []vec {
		y, dy := in[0], in[1]
		return []vec{s.mul(dy, s.mul(y, s.sub(s.number(1), y)))}
	})
	longElements(s, "tanh", "tanh", "a", "b", func(in []vec, k func(int) vec) []vec {
		return []vec{s.mul(k(0), s.tanh(s.mul(k(1), in[0])))}
	})
	elements(s, "tanhBackward", "tanhBackward", "ab", "c", func(in []vec, k func(int) vec) []vec {
		y, dy := in[0], in[1]
		return []vec{s.mul(dy, s.sub(k(0), s.mul(k(1), s.mul(y, y))))}
	})
	elements(s, "crossEntropyBackward", "crossEntropyBackward", "ab", "c", func(in []vec, k func(int) vec) []vec {
		return []vec{s.mul(k(0), s.sub(in[0], in[1]))}
	})
}

// reduced is x = n·ln 2 + r with |r| <= ln 2 / 2 and q = e^r - 1.
type reduced struct {
	n       vec // an integer, as a float
	shifted vec // n + shifter
	q       vec
}

// shifter is 1.5·2^23: adding it to a number rounds the number to an integer, which is then in the
// low bits of the sum.
const (
	shifter     = 12582912
	shifterBits = 0x4b400000
)

// reduce is the argument reduction and polynomial of Cephes' expf (Moshier): q = r + r²·p(r), with
// an error below 2 units in the last place.
func (s *simd) reduce(x vec) reduced {
	shifted := fma(x, s.number(1.44269504088896341), s.number(shifter))
	n := s.sub(shifted, s.number(shifter))
	r := fnma(n, s.number(0.693359375), s.copy(x))
	r = fnma(n, s.number(-2.12194440e-4), r)
	p := s.number(1.9875691500e-4)
	for _, c := range []float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = fma(p, r, s.number(c))
	}
	square := s.mul(r, r)
	return reduced{n, shifted, fma(square, p, r)}
}

// whole returns n as integers.
func (s *simd) whole(e reduced) vec { return s.binary(VPSUBD, e.shifted, s.word(shifterBits)) }

// power returns 2^n; n is from -126 to 127.
func (s *simd) power(n vec) vec {
	exponent := s.binary(VPSLLD, n, Imm(23))
	return s.binary(VPADDD, exponent, s.number(1))
}

// exp returns e^x: 0 below -104, infinity above 88.73, NaN for NaN. AVX2 multiplies by 2^n in two
// halves, so that results below the smallest normal number are right too; AVX-512 has an
// instruction for it.
func (s *simd) exp(x vec) vec {
	x = s.max(s.number(-104), x)
	x = s.min(s.number(89), x)
	e := s.reduce(x)
	root := s.add(e.q, s.number(1))
	if s == avx512 {
		return s.binary(VSCALEFPS, root, e.n)
	}
	n := s.whole(e)
	half := s.binary(VPSRAD, n, Imm(1))
	rest := s.binary(VPSUBD, n, half)
	return s.mul(s.mul(root, s.power(half)), s.power(rest))
}

// tanh: with t = e^(-2|x|) - 1, tanh |x| = -t/(t+2). t = 2^n·q + (2^n - 1) keeps the digits of a
// small x. Beyond |x| = 20 the result is 1.
func (s *simd) tanh(x vec) vec {
	size := s.abs(x)
	e := s.reduce(s.max(s.number(-40), s.mul(s.number(-2), size)))
	power := s.power(s.whole(e))
	t := fma(power, e.q, s.sub(power, s.number(1)))
	positive := s.div(s.sub(s.zero(), t), s.add(t, s.number(2)))
	return s.or(positive, s.and(x, s.word(signBit)))
}
