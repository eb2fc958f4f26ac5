package main

import "math"

// curves emits the activations that are made of the exponential or of comparisons, forward and
// backward. The package's CurveOf computes the same functions in float64, and the tests compare the
// two.
func curves(s *simd) {
	clippedLine(s)
	leakyReLU(s)
	hardSwish(s)
	expLinear(s)
	softsign(s)
	silu(s)
	geluTanh(s)
	gelu(s)
	softplus(s)
	mish(s)
}

// curve emits y = value(x) and dx = dy·slope(saved).
func curve(s *simd, name string, value, slope func(v vec, k func(int) vec) vec) {
	groupedCurve(s, 1, name, value, slope)
}

// longCurve is curve for functions made of the exponential.
func longCurve(s *simd, name string, value, slope func(v vec, k func(int) vec) vec) {
	groupedCurve(s, s.group, name, value, slope)
}

func groupedCurve(s *simd, group int, name string, value, slope func(v vec, k func(int) vec) vec) {
	groupedElements(s, group, name, name, "a", "b", func(in []vec, k func(int) vec) []vec {
		return []vec{value(in[0], k)}
	})
	groupedElements(s, group, name+"Backward", name+"Backward", "ab", "c", func(in []vec, k func(int) vec) []vec {
		return []vec{s.mul(in[1], slope(in[0], k))}
	})
}

func clippedLine(s *simd) {
	curve(s, "clippedLine",
		func(x vec, k func(int) vec) vec { return s.min(k(3), s.max(k(2), fma(k(0), x, k(1)))) },
		func(y vec, k func(int) vec) vec {
			return s.where(notLessOrEqual, y, k(2), s.where(notGreaterOrEqual, y, k(3), k(0)))
		})
}

func leakyReLU(s *simd) {
	curve(s, "leakyReLU",
		func(x vec, k func(int) vec) vec {
			return s.add(s.max(s.zero(), x), s.mul(k(0), s.min(s.zero(), x)))
		},
		func(saved vec, k func(int) vec) vec { return s.byGreater(saved, s.zero(), s.number(1), k(0)) })
}

func hardSwish(s *simd) {
	curve(s, "hardSwish",
		func(x vec, _ func(int) vec) vec {
			sixths := s.min(s.number(6), s.max(s.zero(), s.add(x, s.number(3)))) // exact near -3
			return s.mul(x, s.mul(sixths, s.number(1.0/6)))
		},
		func(x vec, _ func(int) vec) vec {
			inside := s.where(notLessOrEqual, x, s.number(-3), fma(x, s.number(1.0/3), s.number(0.5)))
			inside = s.where(notGreaterOrEqual, x, s.number(3), inside)
			return s.or(inside, s.where(greaterOrEqual, x, s.number(3), s.number(1)))
		})
}

// expLinear: y = k0·x above 0, k1·(e^(k2·x) - 1) elsewhere, so below 0 the slope is k2·(y + k1).
func expLinear(s *simd) {
	longCurve(s, "expLinear",
		func(x vec, k func(int) vec) vec {
			below := s.mul(k(1), s.exponentialLess1(s.min(s.zero(), s.mul(k(2), x))))
			return fma(k(0), s.max(s.zero(), x), below)
		},
		func(y vec, k func(int) vec) vec {
			return s.byGreater(y, s.zero(), k(0), s.mul(k(2), s.add(y, k(1))))
		})
}

func softsign(s *simd) {
	curve(s, "softsign",
		func(x vec, _ func(int) vec) vec { return s.div(x, s.add(s.number(1), s.abs(x))) },
		func(y vec, _ func(int) vec) vec {
			root := s.sub(s.number(1), s.abs(y))
			return s.mul(root, root)
		})
}

func silu(s *simd) {
	longCurve(s, "silu",
		func(x vec, _ func(int) vec) vec { return s.gated(x, x) },
		func(x vec, _ func(int) vec) vec { return s.gatedSlope(x, x) })
}

// gated returns x·σ(u).
func (s *simd) gated(x, u vec) vec {
	return s.div(x, s.add(s.number(1), s.exp(s.sub(s.zero(), u))))
}

// gatedSlope returns σ(u)·(1 + v·σ(-u)): the slope of x·σ(u), where v is x times the slope of u.
// With e = e^-|u|, one of σ(u) and σ(-u) is 1/(1+e), the other e/(1+e), which keeps its digits.
func (s *simd) gatedSlope(u, v vec) vec {
	e := s.exp(s.or(u, s.word(signBit)))
	large := s.div(s.number(1), s.add(s.number(1), e))
	small := s.mul(e, large)
	rises, falls := s.byGreater(u, s.zero(), large, small), s.byGreater(u, s.zero(), small, large)
	return s.mul(rises, fma(v, falls, s.number(1)))
}

// geluTanh: x·σ(u) with u = 2√(2/π)·(x + 0.044715·x³). Beyond ±12, σ(u) is 0 or 1, and x³ might
// overflow.
func geluTanh(s *simd) {
	line, cube := 2*math.Sqrt(2/math.Pi), 0.044715*2*math.Sqrt(2/math.Pi)
	longCurve(s, "geluTanh",
		func(x vec, _ func(int) vec) vec {
			return s.gated(x, s.mul(x, fma(s.mul(x, x), s.number(float32(cube)), s.number(float32(line)))))
		},
		func(x vec, _ func(int) vec) vec {
			x = s.clip(x, 12)
			square := s.mul(x, x)
			u := s.mul(x, fma(square, s.number(float32(cube)), s.number(float32(line))))
			v := s.mul(x, fma(square, s.number(float32(3*cube)), s.number(float32(line))))
			return s.gatedSlope(u, v)
		})
}

// gelu: x·Φ(x), with the slope Φ(x) + x·e^(-x²/2)/√(2π).
func gelu(s *simd) {
	longCurve(s, "gelu",
		func(x vec, _ func(int) vec) vec { return s.mul(x, s.normal(x, s.bell(x))) },
		func(x vec, _ func(int) vec) vec {
			bell := s.bell(x)
			return fma(s.mul(x, bell), s.number(float32(1/math.Sqrt(2*math.Pi))), s.normal(x, bell))
		})
}

// bell returns e^(-x²/2). It keeps x² as a sum of two numbers, because the relative error of a
// power is the absolute error of its exponent. Beyond ±14.5 it returns 0.
func (s *simd) bell(x vec) vec {
	x = s.clip(x, 14.5)
	square := s.mul(x, x)
	rest := fms(x, x, s.copy(square))
	power := s.exp(s.mul(s.number(-0.5), square))
	return fnma(s.mul(s.number(0.5), rest), power, s.copy(power))
}

// normalTail holds the coefficients of R(t), from the lowest power of t: the tail of the normal
// distribution beyond |x| is e^(-x²/2)·R(t) with t = 1/(1 + 0.3·|x|). They are a least-squares fit,
// reweighted to minimize the largest relative error for |x| <= 14: 6e-8.
var normalTail = []float32{7.169070926904553e-06, 0.11948768510415228, 0.12192037344695675, 0.09468338613987573,
	0.14253587890243452, -0.07650703630291292, 0.2286606068674532, -0.16916638284391933, 0.038378348532290586}

// normal returns Φ(x), given e^(-x²/2).
func (s *simd) normal(x, bell vec) vec {
	t := s.div(s.number(1), fma(s.abs(x), s.number(0.3), s.number(1)))
	last := len(normalTail) - 1
	r := s.number(normalTail[last])
	for i := last - 1; i >= 0; i-- {
		r = fma(r, t, s.number(normalTail[i]))
	}
	tail := s.mul(r, bell)
	return s.byGreater(x, s.zero(), s.sub(s.number(1), tail), tail)
}

// softplus: max(x, 0) + log(1 + e^-|x|). The slope is 1 - e^-y.
func softplus(s *simd) {
	longCurve(s, "softplus",
		func(x vec, _ func(int) vec) vec {
			return s.add(s.max(s.zero(), x), s.log1p(s.exp(s.or(x, s.word(signBit)))))
		},
		func(y vec, _ func(int) vec) vec {
			return s.sub(s.zero(), s.exponentialLess1(s.sub(s.zero(), y)))
		})
}

// log1p returns log(1+u) for u from 0 to 1: twice the series artanh z = z + z³/3 + z⁵/5 + … at z =
// u/(2+u), which is at most 1/3.
func (s *simd) log1p(u vec) vec {
	z := s.div(u, s.add(s.number(2), u))
	square := s.mul(z, z)
	p := s.number(1.0 / 15)
	for _, odd := range []float32{13, 11, 9, 7, 5, 3} {
		p = fma(p, square, s.number(1/odd))
	}
	p = fma(s.mul(p, square), z, s.copy(z))
	return s.add(p, p)
}

// mish: x·tanh(log(1 + e^x)). With e = e^x and n = e·(e+2), (1+e)² = n+1, so the tanh is n/(n+2)
// and its slope
//
//	(1 - tanh²)·σ(x) = 4·(n+1)/(n+2)² · e/(1+e) = 4·e·(1+e)/(n+2)²
//
// Above 20 the tanh is 1, and e² might overflow.
func mish(s *simd) {
	longCurve(s, "mish",
		func(x vec, _ func(int) vec) vec {
			e := s.exp(s.min(s.number(20), x))
			n := s.mul(e, s.add(e, s.number(2)))
			return s.mul(x, s.div(n, s.add(n, s.number(2))))
		},
		func(x vec, _ func(int) vec) vec {
			x = s.min(s.number(20), x)
			e := s.exp(x)
			n := s.mul(e, s.add(e, s.number(2)))
			d := s.div(s.number(1), s.add(n, s.number(2)))
			rise := s.mul(s.mul(s.mul(s.number(4), e), s.add(e, s.number(1))), d)
			return s.mul(d, fma(x, rise, n))
		})
}

// exponentialLess1 returns e^x - 1 for x of at most 0. 2^n·q + (2^n - 1) keeps the digits of a
// small x. Below -40 the result is -1.
func (s *simd) exponentialLess1(x vec) vec {
	e := s.reduce(s.max(s.number(-40), x))
	power := s.power(s.whole(e))
	return fma(power, e.q, s.sub(power, s.number(1)))
}

// byGreater returns, for each lane, above where a > b, else other (also where a or b is NaN).
func (s *simd) byGreater(a, b, above, other vec) vec {
	return s.or(s.where(greater, a, b, above), s.where(notGreater, a, b, other))
}

// clip returns x between -limit and limit; NaN stays.
func (s *simd) clip(x vec, limit float32) vec {
	return s.min(s.number(limit), s.max(s.number(-limit), x))
}
