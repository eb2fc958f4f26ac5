package kernel

import (
	"math"
	"slices"
)

// Softmax is y[c] = e^x[c] / Σk e^x[k] for each row. It subtracts the row's largest value first, so
// large logits don't overflow.
func Softmax[T Float](rows, classes int, x, y []T) {
	s, k := takeSweep[T](), kernels[T]()
	s.do(rows, k.softmax, operands[T]{a: x, b: y, sums: s.sumWorkspace(rows), unit: classes, exp: k.exp})
	s.done()
}

// softmax stores the logarithm of each row's Σ e^(x - the row's largest x) in sums.
func softmax[T Float](o operands[T]) {
	powers(o)
	for row := range o.sums {
		o.sums[row] = divideBySum(o.b[row*o.unit : (row+1)*o.unit])
	}
}

// powers sets y to e^(x - the row's largest x), for all rows in one call of exp. NaN counts as
// largest; if the largest is infinite, its own power is NaN.
func powers[T Float](o operands[T]) {
	for at := 0; at < len(o.a); at += o.unit {
		x, shifted := o.a[at:at+o.unit], o.b[at:at+o.unit]
		top := largest(x)
		for c, v := range x {
			shifted[c] = v - top
		}
	}
	o.exp(operands[T]{a: o.b, b: o.b})
}

func largest[T Float](x []T) T {
	top := x[0]
	for _, v := range x[1:] {
		if above(v, top) {
			top = v
		}
	}
	return top
}

// divideBySum divides a row of powers by their sum and returns the sum's logarithm. The largest
// power is e^0 = 1, so the logarithm is log1p of the sum of the others, which keeps its digits when
// they are tiny.
func divideBySum[T Float](y []T) (logSum float64) {
	top := max(0, slices.Index(y, 1)) // a row with NaN may have no 1, but the result has a NaN anyway
	rest := addUp(y[:top]) + addUp(y[top+1:])
	if y[top] != 1 {
		rest += float64(y[top])
	}
	scale := 1 / (1 + rest)
	for c, e := range y {
		y[c] = T(float64(e) * scale)
	}
	return math.Log1p(rest)
}

// addUp is Σ x. Four separate sums keep one addition from waiting for the last; rows are often too
// short for more.
func addUp[T Float](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

func exp[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	for i, v := range o.a {
		y[i] = T(math.Exp(float64(v)))
	}
}

// SoftmaxBackward: ∂y[c]/∂x[k] = y[c]·(δ[c,k] - y[k]), so dx[k] = y[k]·(dy[k] - Σc dy[c]·y[c]).
func SoftmaxBackward[T Float](rows, classes int, y, dy, dx []T) {
	forEachRow(kernels[T]().softmaxBackward, rows, classes, operands[T]{a: y, b: dy, c: dx})
}

func softmaxBackward[T Float](o operands[T]) {
	for at := 0; at < len(o.a); at += o.unit {
		y, dy, dx := o.a[at:at+o.unit], o.b[at:at+o.unit], o.c[at:at+o.unit]
		dot := 0.0
		for c, v := range y {
			dot += float64(v) * float64(dy[c])
		}
		for c, v := range y {
			dx[c] = v * T(float64(dy[c])-dot)
		}
	}
}

// LogSoftmax is y[c] = x[c] - log Σk e^x[k] for each row, computed as (x[c] - m) - log Σk
// e^(x[k]-m) with m the row's largest value: it doesn't overflow and never takes the logarithm of
// 0. y must not be x.
func LogSoftmax[T Float](rows, classes int, x, y []T) {
	s, k := takeSweep[T](), kernels[T]()
	logSums := s.sumWorkspace(rows)
	s.do(rows, k.softmax, operands[T]{a: x, b: y, sums: logSums, unit: classes, exp: k.exp})
	s.do(rows, k.logSoftmax, operands[T]{a: x, b: y, sums: logSums, unit: classes})
	s.done()
}

// logSoftmax subtracts the logarithms that softmax stored from the rows.
func logSoftmax[T Float](o operands[T]) {
	for row, logSum := range o.sums {
		x, y := o.a[row*o.unit:][:o.unit], o.b[row*o.unit:][:o.unit]
		top := float64(largest(x))
		for c, v := range x {
			y[c] = T((float64(v) - top) - logSum)
		}
	}
}

// LogSoftmaxBackward: ∂y[c]/∂x[k] = δ[c,k] - e^y[k], so dx[k] = dy[k] - e^y[k]·Σc dy[c]. dx must
// not be dy.
func LogSoftmaxBackward[T Float](rows, classes int, y, dy, dx []T) {
	k := kernels[T]()
	forEachRow(k.logSoftmaxBackward, rows, classes, operands[T]{a: y, b: dy, c: dx, exp: k.exp})
}

func logSoftmaxBackward[T Float](o operands[T]) {
	o.exp(operands[T]{a: o.a, b: o.c})
	for at := 0; at < len(o.a); at += o.unit {
		dy, dx := o.b[at:][:o.unit], o.c[at:][:o.unit]
		sum := addUp(dy)
		for c, d := range dy {
			dx[c] = T(float64(d) - float64(float64(dx[c])*sum))
		}
	}
}

// CrossEntropy is the mean over the rows of -Σc target[c]·log softmax(logits)[c], computed as Σc
// target[c]·((m - x[c]) + log Σk e^(x[k]-m)) with m the row's largest logit. A class with target 0
// adds nothing, whatever its logit. It writes the softmax to p. The rows may be a part of a batch,
// the mean is then that of the batch; losses is the caller's, one for each network.
func CrossEntropy[T Float](part *Part, losses *Whole[float64], rows, classes int, logits, target, p []T) T {
	s, k := takeSweep[T](), kernels[T]()
	sums := s.sumWorkspace(rows)
	s.do(rows, k.softmax, operands[T]{a: logits, b: p, sums: sums, unit: classes, exp: k.exp})
	s.do(rows, k.crossEntropy, operands[T]{a: logits, b: target, sums: sums, unit: classes})
	total := sumOfRows(losses.Of(part, sums))
	s.done()
	return T(total / float64(part.Total(rows)))
}

// crossEntropy replaces the logarithms that softmax stored by the rows' losses.
func crossEntropy[T Float](o operands[T]) {
	for row, logSum := range o.sums {
		at := row * o.unit
		x, target := o.a[at:at+o.unit], o.b[at:at+o.unit]
		top := float64(largest(x))
		loss := 0.0
		for c, t := range target {
			if t != 0 {
				loss += float64(t) * ((top - float64(x[c])) + logSum)
			}
		}
		o.sums[row] = loss
	}
}

// CrossEntropyBackward is dlogits = scale·(p - target). With L = log Σk e^x[k] - Σc t[c]·x[c] (the
// target's rows sum to 1), ∂L/∂x[c] = p[c] - t[c]. scale is the gradient of the loss divided by the
// rows.
func CrossEntropyBackward[T Float](rows, classes int, p, target []T, scale T, dlogits []T) {
	forEachRow(kernels[T]().crossEntropyBackward, rows, classes, operands[T]{a: p, b: target, c: dlogits}, scale)
}

func crossEntropyBackward[T Float](o operands[T]) {
	target, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	scale := o.k[0]
	for i, p := range o.a {
		dx[i] = scale * (p - target[i])
	}
}
