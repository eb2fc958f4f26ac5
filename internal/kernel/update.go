package kernel

import "math"

// rootFloor is added to the roots that the book's AdaGrad and RMSProp divide by.
const rootFloor = 1e-7

// Gradient is a parameter's gradient as the update rules read it: Scale·Values + Decay·p. Scale
// clips by norm (1: no clipping), Decay is L2 regularization (0: none). Doing both inside the
// update saves a pass over memory and leaves Values unchanged. These and the rules' other constants
// are float64 for both element types: 1-b2 computed in float32 would be wrong in its fifth digit.
type Gradient[T Float] struct {
	Values       []T
	Scale, Decay float64
}

// update runs a rule's pass over the parameter p, its gradient and its slots. k holds the rule's
// constants, which follow the gradient's.
func update[T Float](rule pass[T], p []T, g Gradient[T], slot1, slot2 []T, k ...float64) {
	constants := [9]T{T(g.Scale), T(g.Decay)}
	for i, v := range k {
		constants[2+i] = T(v)
	}
	forEach(rule, operands[T]{a: p, b: g.Values[:len(p)], c: slot1, d: slot2}, constants[:]...)
}

// UpdateSGD is p -= lr·g. This and the next five are the rules of Deep Learning from Scratch
// (Saitoh), in its order of operations, so that float64 results agree with its NumPy code to the
// last digits. The conversions in the rules' bodies keep Go from fusing products and sums: every
// platform and the assembly give the same bits.
func UpdateSGD[T Float](p []T, g Gradient[T], lr float64) {
	update(kernels[T]().sgd, p, g, nil, nil, lr)
}

func sgd[T Float](o operands[T]) {
	p, grad := o.a, o.b[:len(o.a)]
	scale, decay, lr := o.k[0], o.k[1], o.k[2]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		p[i] = w - T(lr*g)
	}
}

// UpdateMomentum is v = m·v - lr·g; p += v.
func UpdateMomentum[T Float](p []T, g Gradient[T], v []T, lr, m float64) {
	update(kernels[T]().momentum, p, g, v, nil, lr, m)
}

func momentum[T Float](o operands[T]) {
	p, grad, vel := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, m := o.k[0], o.k[1], o.k[2], o.k[3]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		v := T(m*vel[i]) - T(lr*g)
		vel[i] = v
		p[i] = w + v
	}
}

// UpdateNesterov is p += m²·v; p -= (1+m)·lr·g; v = m·v - lr·g, the velocity last. This is the form
// of Bengio et al. 2012 (arXiv 1212.0901), in which p is the look-ahead point.
func UpdateNesterov[T Float](p []T, g Gradient[T], v []T, lr, m float64) {
	update(kernels[T]().nesterov, p, g, v, nil, lr, m)
}

func nesterov[T Float](o operands[T]) {
	p, grad, vel := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, m := o.k[0], o.k[1], o.k[2], o.k[3]
	mm, step := m*m, (1+m)*lr
	for i, w := range p {
		g, v := T(scale*grad[i])+T(decay*w), vel[i]
		p[i] = (w + T(mm*v)) - T(step*g)
		vel[i] = T(m*v) - T(lr*g)
	}
}

// UpdateAdaGrad is h += g²; p -= lr·g/(√h + 1e-7) (Duchi et al. 2011).
func UpdateAdaGrad[T Float](p []T, g Gradient[T], h []T, lr float64) {
	update(kernels[T]().adaGrad, p, g, h, nil, lr)
}

func adaGrad[T Float](o operands[T]) {
	p, grad, acc := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr := o.k[0], o.k[1], o.k[2]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		h := acc[i] + T(g*g)
		acc[i] = h
		p[i] = w - lr*g/(sqrt(h)+rootFloor)
	}
}

// UpdateRMSProp is h = decay·h + (1-decay)·g²; p -= lr·g/(√h + 1e-7) (Tieleman, Hinton 2012).
func UpdateRMSProp[T Float](p []T, g Gradient[T], h []T, lr, decay float64) {
	update(kernels[T]().rmsProp, p, g, h, nil, lr, decay, 1-decay)
}

func rmsProp[T Float](o operands[T]) {
	p, grad, acc := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, keep, take := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		h := T(keep*acc[i]) + T(take*g*g)
		acc[i] = h
		p[i] = w - lr*g/(sqrt(h)+rootFloor)
	}
}

// UpdateAdam is m += (1-b1)·(g-m); v += (1-b2)·(g²-v); p -= lrt·m/(√v + eps) (Kingma, Ba 2015, the
// form before section 2.1: lrt = lr·√(1-b2^t)/(1-b1^t) holds the bias correction, eps is outside of
// it).
func UpdateAdam[T Float](p []T, g Gradient[T], m, v []T, lrt, b1, b2, eps float64) {
	update(kernels[T]().adam, p, g, m, v, lrt, 1-b1, 1-b2, eps)
}

func adam[T Float](o operands[T]) {
	p, grad, mean, square := o.a, o.b[:len(o.a)], o.c[:len(o.a)], o.d[:len(o.a)]
	scale, decay, lrt, c1, c2, eps := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4], o.k[5]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		m := mean[i] + T(c1*(g-mean[i]))
		v := square[i] + T(c2*(T(g*g)-square[i]))
		mean[i], square[i] = m, v
		p[i] = w - lrt*m/(sqrt(v)+eps)
	}
}

// UpdateAdamW is p -= shrink·p; m += (1-b1)·(g-m); v = b2·v + (1-b2)·g²; p -=
// step·m/(√v/rootCorrection + eps) (Loshchilov, Hutter 2019, in PyTorch's form): shrink = lr·weight
// decay, step = lr/(1-b1^t), rootCorrection = √(1-b2^t).
func UpdateAdamW[T Float](p []T, g Gradient[T], m, v []T, step, b1, b2, rootCorrection, eps, shrink float64) {
	update(kernels[T]().adamW, p, g, m, v, step, 1-b1, b2, 1-b2, 1/rootCorrection, eps, shrink)
}

func adamW[T Float](o operands[T]) {
	p, grad, mean, square := o.a, o.b[:len(o.a)], o.c[:len(o.a)], o.d[:len(o.a)]
	scale, decay, step, c1, b2, c2 := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4], o.k[5]
	correction, eps, shrink := o.k[6], o.k[7], o.k[8]
	for i, w := range p {
		g := T(scale*grad[i]) + T(decay*w)
		m := mean[i] + T(c1*(g-mean[i]))
		v := T(b2*square[i]) + T(c2*g*g)
		mean[i], square[i] = m, v
		p[i] = (w - T(shrink*w)) - step*m/(T(sqrt(v)*correction)+eps)
	}
}

func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }
