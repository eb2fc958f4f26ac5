package kernel

import "math"

// rootFloor is added to the roots that the book's AdaGrad and RMSProp divide by.
const rootFloor = 1e-7

// Gradient is a parameter's gradient as an update rule sees it: Scale·Values + Decay·p. Scale clips by norm (1: as it is), Decay is L2
// regularisation (0: none). Doing both inside the update saves a pass over memory and leaves Values untouched. These and the rules' other
// constants are float64 for both element types: 1-b2 taken in float32 would be wrong in its fifth digit.
type Gradient[T Float] struct {
	Values       []T
	Scale, Decay float64
}

// updateOperands sets what every rule has: the parameter, its gradient, and the gradient's constants in k[0] and k[1].
func updateOperands[T Float](p []T, g Gradient[T]) operands[T] {
	return operands[T]{a: p, b: g.Values[:len(p)], k: [9]T{T(g.Scale), T(g.Decay)}}
}

// UpdateSGD is p -= lr·g. This and the next five are the rules of Deep Learning from Scratch (Saitoh), in its order of operations, so
// that float64 results agree with its NumPy code to the last digits.
func UpdateSGD[T Float](p []T, g Gradient[T], lr float64) {
	o := updateOperands(p, g)
	o.k[2] = T(lr)
	forEach(kernels[T]().sgd, o)
}

func sgd[T Float](o operands[T]) {
	p, grad := o.a, o.b[:len(o.a)]
	scale, decay, lr := o.k[0], o.k[1], o.k[2]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		p[i] = w - lr*g
	}
}

// UpdateMomentum is v = m·v - lr·g; p += v.
func UpdateMomentum[T Float](p []T, g Gradient[T], v []T, lr, m float64) {
	o := updateOperands(p, g)
	o.c, o.k[2], o.k[3] = v, T(lr), T(m)
	forEach(kernels[T]().momentum, o)
}

func momentum[T Float](o operands[T]) {
	p, grad, vel := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, m := o.k[0], o.k[1], o.k[2], o.k[3]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		v := m*vel[i] - lr*g
		vel[i] = v
		p[i] = w + v
	}
}

// UpdateNesterov is p += m²·v; p -= (1+m)·lr·g; v = m·v - lr·g, the velocity last: the form of Bengio et al. 2012 (arXiv 1212.0901), in
// which p is the point the velocity looks ahead to.
func UpdateNesterov[T Float](p []T, g Gradient[T], v []T, lr, m float64) {
	o := updateOperands(p, g)
	o.c, o.k[2], o.k[3] = v, T(lr), T(m)
	forEach(kernels[T]().nesterov, o)
}

func nesterov[T Float](o operands[T]) {
	p, grad, vel := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, m := o.k[0], o.k[1], o.k[2], o.k[3]
	mm, step := m*m, (1+m)*lr
	for i, w := range p {
		g, v := scale*grad[i]+decay*w, vel[i]
		p[i] = (w + mm*v) - step*g
		vel[i] = m*v - lr*g
	}
}

// UpdateAdaGrad is h += g²; p -= lr·g/(√h + 1e-7) (Duchi et al. 2011).
func UpdateAdaGrad[T Float](p []T, g Gradient[T], h []T, lr float64) {
	o := updateOperands(p, g)
	o.c, o.k[2] = h, T(lr)
	forEach(kernels[T]().adaGrad, o)
}

func adaGrad[T Float](o operands[T]) {
	p, grad, acc := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr := o.k[0], o.k[1], o.k[2]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		h := acc[i] + g*g
		acc[i] = h
		p[i] = w - lr*g/(sqrt(h)+rootFloor)
	}
}

// UpdateRMSProp is h = decay·h + (1-decay)·g²; p -= lr·g/(√h + 1e-7) (Tieleman, Hinton 2012).
func UpdateRMSProp[T Float](p []T, g Gradient[T], h []T, lr, decay float64) {
	o := updateOperands(p, g)
	o.c, o.k[2], o.k[3], o.k[4] = h, T(lr), T(decay), T(1-decay)
	forEach(kernels[T]().rmsProp, o)
}

func rmsProp[T Float](o operands[T]) {
	p, grad, acc := o.a, o.b[:len(o.a)], o.c[:len(o.a)]
	scale, decay, lr, keep, take := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		h := keep*acc[i] + take*g*g
		acc[i] = h
		p[i] = w - lr*g/(sqrt(h)+rootFloor)
	}
}

// UpdateAdam is m += (1-b1)·(g-m); v += (1-b2)·(g²-v); p -= lrt·m/(√v + eps) (Kingma, Ba 2015, the form before section 2.1: the bias
// correction is in lrt = lr·√(1-b2^t)/(1-b1^t), eps outside of it).
func UpdateAdam[T Float](p []T, g Gradient[T], m, v []T, lrt, b1, b2, eps float64) {
	o := updateOperands(p, g)
	o.c, o.d, o.k[2], o.k[3], o.k[4], o.k[5] = m, v, T(lrt), T(1-b1), T(1-b2), T(eps)
	forEach(kernels[T]().adam, o)
}

func adam[T Float](o operands[T]) {
	p, grad, mean, square := o.a, o.b[:len(o.a)], o.c[:len(o.a)], o.d[:len(o.a)]
	scale, decay, lrt, c1, c2, eps := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4], o.k[5]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		m := mean[i] + c1*(g-mean[i])
		v := square[i] + c2*(g*g-square[i])
		mean[i], square[i] = m, v
		p[i] = w - lrt*m/(sqrt(v)+eps)
	}
}

// UpdateAdamW is p -= shrink·p; m += (1-b1)·(g-m); v = b2·v + (1-b2)·g²; p -= step·m/(√v/rootCorrection + eps) (Loshchilov, Hutter 2019,
// as PyTorch has it): shrink = lr·weight decay, step = lr/(1-b1^t), rootCorrection = √(1-b2^t).
func UpdateAdamW[T Float](p []T, g Gradient[T], m, v []T, step, b1, b2, rootCorrection, eps, shrink float64) {
	o := updateOperands(p, g)
	o.c, o.d = m, v
	o.k[2], o.k[3], o.k[4], o.k[5] = T(step), T(1-b1), T(b2), T(1-b2)
	o.k[6], o.k[7], o.k[8] = T(1/rootCorrection), T(eps), T(shrink)
	forEach(kernels[T]().adamW, o)
}

func adamW[T Float](o operands[T]) {
	p, grad, mean, square := o.a, o.b[:len(o.a)], o.c[:len(o.a)], o.d[:len(o.a)]
	scale, decay, step, c1, b2, c2 := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4], o.k[5]
	correction, eps, shrink := o.k[6], o.k[7], o.k[8]
	for i, w := range p {
		g := scale*grad[i] + decay*w
		m := mean[i] + c1*(g-mean[i])
		v := b2*square[i] + c2*g*g
		mean[i], square[i] = m, v
		p[i] = (w - shrink*w) - step*m/(sqrt(v)*correction+eps)
	}
}

func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }
