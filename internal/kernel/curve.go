package kernel

// Curve is an elementwise function y = f(x) with its gradient dx = dy·f'. Forward may write y over
// x, Backward dx over dy. saved is x, or y for curves whose slope is computed from y. The zero
// Curve has neither function.
type Curve[T Float] struct {
	Forward  func(x, y []T)
	Backward func(saved, dy, dx []T)
}

// CurveOf makes a curve from a value and a slope function in float64. Several workers call them at
// once. slope gets an element of saved.
func CurveOf[T Float](value, slope func(float64) float64) Curve[T] {
	return curvePasses[T]{
		forward: func(o operands[T]) {
			y := o.b[:len(o.a)]
			for i, v := range o.a {
				y[i] = T(value(float64(v)))
			}
		},
		backward: func(o operands[T]) {
			dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
			for i, v := range o.a {
				dx[i] = dy[i] * T(slope(float64(v)))
			}
		},
	}.curve()
}

// curvePasses holds a curve's two passes; nil where an instruction set has none.
type curvePasses[T Float] struct{ forward, backward pass[T] }

func (p curvePasses[T]) curve(constants ...T) Curve[T] {
	if p.forward == nil {
		return Curve[T]{}
	}
	return Curve[T]{
		Forward:  func(x, y []T) { forEach(p.forward, operands[T]{a: x, b: y}, constants...) },
		Backward: func(saved, dy, dx []T) { forEach(p.backward, operands[T]{a: saved, b: dy, c: dx}, constants...) },
	}
}

// curveTable holds the curves that have assembly. Instruction sets without it have only clippedLine
// and leakyReLU; the ops compute the others by CurveOf there.
type curveTable[T Float] struct {
	clippedLine, leakyReLU, hardSwish curvePasses[T]
	expLinear, softsign               curvePasses[T]
	silu, gelu, geluTanh              curvePasses[T]
	softplus, mish                    curvePasses[T]
}

func portableCurves[T Float]() curveTable[T] {
	return curveTable[T]{
		clippedLine: curvePasses[T]{clippedLine[T], clippedLineBackward[T]},
		leakyReLU:   curvePasses[T]{leakyReLU[T], leakyReLUBackward[T]},
	}
}

// ClippedLine is y = clip(a·x + b, low, high). Backward gets y. The slope is a strictly between the
// limits and 0 where y equals one, even if only by rounding.
func ClippedLine(a, b, low, high float32) Curve[float32] {
	return kernels[float32]().curves.clippedLine.curve(a, b, low, high)
}

// clippedLine computes in T throughout: a limit may have been rounded, and only a y of the same
// type can equal it.
func clippedLine[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	a, b, low, high := o.k[0], o.k[1], o.k[2], o.k[3]
	for i, v := range o.a {
		y[i] = min(max(T(a*v)+b, low), high)
	}
}

func clippedLineBackward[T Float](o operands[T]) {
	dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	a, low, high := o.k[0], o.k[2], o.k[3]
	for i, y := range o.a {
		slope := a
		if y <= low || y >= high {
			slope = 0
		}
		dx[i] = dy[i] * slope
	}
}

// above0 is 1 if v > 0, else 0. Indexing a table with it avoids a branch that is hard to predict.
func above0[T Float](v T) int {
	above := 0
	if v > 0 {
		above = 1
	}
	return above & 1
}

func leakyReLU[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	factors := [2]T{o.k[0], 1}
	for i, v := range o.a {
		y[i] = v * factors[above0(v)]
	}
}

func leakyReLUBackward[T Float](o operands[T]) {
	dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	factors := [2]T{o.k[0], 1}
	for i, v := range o.a {
		dx[i] = dy[i] * factors[above0(v)]
	}
}

// LeakyReLU is y = x above 0, alpha·x elsewhere. Backward reads only the sign of saved: pass x, or
// y if alpha isn't negative.
func LeakyReLU(alpha float32) Curve[float32] { return kernels[float32]().curves.leakyReLU.curve(alpha) }

// HardSwish is y = x·clip(x/6 + 1/2, 0, 1). Backward gets x; the slope at -3 is 0, at 3 it is 1.
func HardSwish() Curve[float32] { return kernels[float32]().curves.hardSwish.curve() }

// ExpLinear is y = a·x above 0, b·(e^(c·x) - 1) elsewhere, c above 0. Backward gets y: the slope at
// 0 is b·c.
func ExpLinear(a, b, c float32) Curve[float32] {
	return kernels[float32]().curves.expLinear.curve(a, b, c)
}

// Softsign is y = x/(1 + |x|). Backward gets y.
func Softsign() Curve[float32] { return kernels[float32]().curves.softsign.curve() }

// SiLU is y = x/(1 + e^-x). Backward gets x.
func SiLU() Curve[float32] { return kernels[float32]().curves.silu.curve() }

// GELU is y = x·Φ(x), Φ the normal distribution. Backward gets x.
func GELU() Curve[float32] { return kernels[float32]().curves.gelu.curve() }

// GELUTanh is y = x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2. Backward gets x.
func GELUTanh() Curve[float32] { return kernels[float32]().curves.geluTanh.curve() }

// Softplus is y = log(1 + e^x). Backward gets y.
func Softplus() Curve[float32] { return kernels[float32]().curves.softplus.curve() }

// Mish is y = x·tanh(log(1 + e^x)). Backward gets x.
func Mish() Curve[float32] { return kernels[float32]().curves.mish.curve() }
