package kernel

import "math"

// Softmax is y[c] = e^x[c] / Σk e^x[k] for each of the rows. The row's largest value is taken off first, so large logits don't overflow.
func Softmax[T Float](rows, classes int, x, y []T) {
	forEachRow(kernels[T]().softmax, rows, classes, operands[T]{a: x, b: y})
}

func softmax[T Float](o operands[T]) {
	for at := 0; at < len(o.a); at += o.unit {
		softmaxRow(o.a[at:at+o.unit], o.b[at:at+o.unit])
	}
}

// softmaxRow returns what cross entropy needs besides: the row's largest value and log Σ e^(x-largest). The largest value's own term is
// e^0 = 1, so the logarithm is log1p of the rest, which keeps its digits when the rest is tiny.
func softmaxRow[T Float](x, y []T) (largest, logSum float64) {
	top := 0
	for c, v := range x {
		if v > x[top] || v != v {
			top = c
		}
	}
	largest = float64(x[top])
	rest := 0.0
	for c, v := range x {
		e := math.Exp(float64(v) - largest)
		y[c] = T(e)
		if c != top {
			rest += e
		}
	}
	if largest != largest || math.IsInf(largest, 0) {
		rest = math.NaN() // a NaN or an infinity in the row leaves no distribution
	}
	for c, e := range y {
		y[c] = T(float64(e) / (1 + rest))
	}
	return largest, math.Log1p(rest)
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

// CrossEntropy is the mean over the rows of -Σc target[c]·log softmax(logits)[c], computed as Σc target[c]·((m - x[c]) + log Σk e^(x[k]-m))
// with m the row's largest logit. A class with target 0 adds nothing, whatever its logit. p receives the softmax.
func CrossEntropy[T Float](rows, classes int, logits, target, p []T) T {
	list := idleSweeps[T]()
	s := list.take()
	losses := s.sumRoom(rows)
	s.do(rows, kernels[T]().crossEntropy, operands[T]{a: logits, b: target, c: p, sums: losses, unit: classes})
	total := 0.0
	for _, loss := range losses {
		total += loss
	}
	list.give(s)
	return T(total / float64(rows))
}

func crossEntropy[T Float](o operands[T]) {
	for row := range o.sums {
		at := row * o.unit
		x, target := o.a[at:at+o.unit], o.b[at:at+o.unit]
		largest, logSum := softmaxRow(x, o.c[at:at+o.unit])
		loss := 0.0
		for c, t := range target {
			if t != 0 {
				loss += float64(t) * ((largest - float64(x[c])) + logSum)
			}
		}
		o.sums[row] = loss
	}
}

// CrossEntropyBackward is dlogits = scale·(p - target). With L = log Σk e^x[k] - Σc t[c]·x[c] (the target's rows sum to 1),
// ∂L/∂x[c] = p[c] - t[c]; scale is the loss's own gradient divided by the rows.
func CrossEntropyBackward[T Float](rows, classes int, p, target []T, scale T, dlogits []T) {
	forEachRow(kernels[T]().crossEntropyBackward, rows, classes, operands[T]{a: p, b: target, c: dlogits, k: [9]T{scale}})
}

func crossEntropyBackward[T Float](o operands[T]) {
	target, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	scale := o.k[0]
	for i, p := range o.a {
		dx[i] = scale * (p - target[i])
	}
}
