package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// rule is one optimizer: its update, and the book's formula for one element (PyTorch's for AdamW).
// m and v are the rule's slots.
type rule[T Float] struct {
	name   string
	update func(p []T, g Gradient[T], m, v []T)
	one    func(p, g, m, v float64) (newP, newM, newV float64)
}

func rules[T Float]() []rule[T] {
	const lr, beta, b1, b2, eps = 0.01, 0.9, 0.9, 0.999, 1e-7
	return []rule[T]{
		{"SGD",
			func(p []T, g Gradient[T], _, _ []T) { UpdateSGD(p, g, lr) },
			func(p, g, m, v float64) (float64, float64, float64) { return p - lr*g, m, v }},
		{"Momentum",
			func(p []T, g Gradient[T], m, _ []T) { UpdateMomentum(p, g, m, lr, beta) },
			func(p, g, m, v float64) (float64, float64, float64) { return p + beta*m - lr*g, beta*m - lr*g, v }},
		{"Nesterov",
			func(p []T, g Gradient[T], m, _ []T) { UpdateNesterov(p, g, m, lr, beta) },
			func(p, g, m, v float64) (float64, float64, float64) {
				return p + beta*beta*m - (1+beta)*lr*g, beta*m - lr*g, v
			}},
		{"AdaGrad",
			func(p []T, g Gradient[T], m, _ []T) { UpdateAdaGrad(p, g, m, lr) },
			func(p, g, m, v float64) (float64, float64, float64) {
				m += g * g
				return p - lr*g/(math.Sqrt(m)+1e-7), m, v
			}},
		{"RMSProp",
			func(p []T, g Gradient[T], m, _ []T) { UpdateRMSProp(p, g, m, lr, beta) },
			func(p, g, m, v float64) (float64, float64, float64) {
				m = beta*m + (1-beta)*g*g
				return p - lr*g/(math.Sqrt(m)+1e-7), m, v
			}},
		{"Adam",
			func(p []T, g Gradient[T], m, v []T) { UpdateAdam(p, g, m, v, lr, b1, b2, eps) },
			func(p, g, m, v float64) (float64, float64, float64) {
				m += (1 - b1) * (g - m)
				v += (1 - b2) * (g*g - v)
				return p - lr*m/(math.Sqrt(v)+eps), m, v
			}},
		{"AdamW",
			func(p []T, g Gradient[T], m, v []T) { UpdateAdamW(p, g, m, v, lr, b1, b2, 0.3, eps, 0.001) },
			func(p, g, m, v float64) (float64, float64, float64) {
				m = b1*m + (1-b1)*g
				v = b2*v + (1-b2)*g*g
				return p*(1-0.001) - lr*m/(math.Sqrt(v)/0.3+eps), m, v
			}},
	}
}

func TestUpdates(t *testing.T) {
	t.Run("float32", testUpdates[float32])
	t.Run("float64", testUpdates[float64])
}

func testUpdates[T Float](t *testing.T) {
	for _, r := range rules[T]() {
		for _, n := range sizes {
			for _, g := range []Gradient[T]{{Scale: 1}, {Scale: 0.5, Decay: 0.25}} {
				checkUpdate(t, r, n, g)
			}
		}
	}
}

func checkUpdate[T Float](t *testing.T, r rule[T], n int, g Gradient[T]) {
	p, m, v := gaussian[T](1, n), gaussian[T](2, n), gaussian[T](3, n)
	g.Values = gaussian[T](4, n)
	for i := range m {
		m[i], v[i] = m[i]*m[i], v[i]*v[i] // averages of squares are not negative
	}
	wantP, wantM, wantV := make([]T, n), make([]T, n), make([]T, n)
	for i := range p {
		old := float64(p[i])
		seen := g.Scale*float64(g.Values[i]) + g.Decay*old
		a, b, c := r.one(old, seen, float64(m[i]), float64(v[i]))
		wantP[i], wantM[i], wantV[i] = T(a), T(b), T(c)
	}
	kept := append([]T{}, g.Values...)
	r.update(p, g, m, v)
	closeTo(t, wantP, p, precision[T](), r.name)
	closeTo(t, wantM, m, precision[T](), r.name+" first slot")
	closeTo(t, wantV, v, precision[T](), r.name+" second slot")
	assert.Equal(t, kept, g.Values, "the gradient is only read")
}

func TestUpdatesAllocateNothing(t *testing.T) {
	n := 3 * sweepShard
	p, m, v, g := make([]float32, n), make([]float32, n), make([]float32, n), gaussian[float32](1, n)
	for _, r := range rules[float32]() {
		assert.Zero(t, allocations(func() { r.update(p, Gradient[float32]{Values: g, Scale: 1}, m, v) }), r.name)
	}
}
