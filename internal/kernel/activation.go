package kernel

import "math"

// ReLU is y = max(x, 0); NaN stays NaN.
func ReLU[T Float](x, y []T) { forEach(kernels[T]().relu, operands[T]{a: x, b: y}) }

func relu[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	for i, v := range o.a {
		y[i] = max(v, 0)
	}
}

// ReLUBackward is dx = dy where y is above 0 or NaN, else 0. y is 0 exactly where x is at most 0,
// so the gradient at 0 is 0.
func ReLUBackward[T Float](y, dy, dx []T) {
	forEach(kernels[T]().reluBackward, operands[T]{a: y, b: dy, c: dx})
}

func reluBackward[T Float](o operands[T]) {
	dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, v := range o.a {
		off := 0
		if v <= 0 {
			off = 1
		}
		dx[i] = [2]T{dy[i], 0}[off] // no branch: signs are hard to predict
	}
}

// Sigmoid is y = 1/(1+e^-x).
func Sigmoid[T Float](x, y []T) { forEach(kernels[T]().sigmoid, operands[T]{a: x, b: y}) }

// sigmoid needs no special case for large |x|: where e^-x overflows to infinity, y is 0, which is
// right to the last bit.
func sigmoid[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	for i, v := range o.a {
		y[i] = T(1 / (1 + math.Exp(-float64(v))))
	}
}

// SigmoidBackward: dy/dx = e^-x/(1+e^-x)² = y·(1-y), so dx = dy·y·(1-y).
func SigmoidBackward[T Float](y, dy, dx []T) {
	forEach(kernels[T]().sigmoidBackward, operands[T]{a: y, b: dy, c: dx})
}

func sigmoidBackward[T Float](o operands[T]) {
	dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, v := range o.a {
		dx[i] = dy[i] * (v * (1 - v))
	}
}

// Tanh is y = a·tanh(b·x); LeCun et al. 1998 (appendix A) take a = 1.7159, b = 2/3.
func Tanh[T Float](a, b T, x, y []T) {
	forEach(kernels[T]().tanh, operands[T]{a: x, b: y}, a, b)
}

func tanh[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	a, b := float64(o.k[0]), float64(o.k[1])
	for i, v := range o.a {
		y[i] = T(a * math.Tanh(b*float64(v)))
	}
}

// TanhBackward: with t = tanh(b·x) = y/a, dy/dx = a·b·(1-t²) = b·(a - y²/a), so dx = dy·b·(a -
// y²/a). a must not be 0.
func TanhBackward[T Float](a, b T, y, dy, dx []T) {
	forEach(kernels[T]().tanhBackward, operands[T]{a: y, b: dy, c: dx}, b*a, b/a)
}

func tanhBackward[T Float](o operands[T]) {
	dy, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	ba, bOverA := o.k[0], o.k[1]
	for i, v := range o.a {
		dx[i] = dy[i] * (ba - T(bOverA*(v*v))) // T: not fused, so the same bits everywhere
	}
}
