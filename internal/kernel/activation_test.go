package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gaussian returns n standard normal values.
func gaussian[T Float](seed uint64, n int) []T {
	r := rand.New(rand.NewPCG(seed, 1))
	s := make([]T, n)
	for i := range s {
		s[i] = T(r.NormFloat64())
	}
	return s
}

// closeTo requires |got-want| <= bound·(1+|want|) for every element.
func closeTo[T Float](t require.TestingT, want, got []T, bound float64, what string) {
	require.Len(t, got, len(want), what)
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		if math.IsNaN(w) && math.IsNaN(g) || w == g {
			continue
		}
		if !(math.Abs(g-w) <= bound*(1+math.Abs(w))) {
			require.Fail(t, "not close", "%s: element %d is %g, want %g", what, i, g, w)
		}
	}
}

// precision is the bound for an element type: a few rounding units of 1.
func precision[T Float]() float64 {
	if _, single := any(T(0)).(float32); single {
		return 1e-6
	}
	return 1e-14
}

// sizes covers an empty slice, less than a vector, odd tails, and several shards.
var sizes = []int{0, 1, 7, 33, sweepShard - 1, sweepShard, 3*sweepShard + 5}

// Special numbers that activations must handle.
func special[T Float]() []T {
	inf := math.Inf(1)
	return []T{
		0, T(math.Copysign(0, -1)), 1, -1, 1e-30, -1e-30, 1e30, -1e30, T(inf), T(-inf), T(math.NaN()), 88.8, -88.8, 104,
		-104,
	}
}

type unary[T Float] struct {
	name     string
	forward  func(x, y []T)
	backward func(y, dy, dx []T)
	f        func(x float64) float64
	slope    func(y float64) float64 // dy/dx as a function of y
}

func unaries[T Float]() []unary[T] {
	return []unary[T]{
		{"ReLU", ReLU[T], ReLUBackward[T],
			func(x float64) float64 {
				if x <= 0 {
					return 0
				}
				return x
			},
			func(y float64) float64 {
				if y <= 0 {
					return 0
				}
				return 1
			}},
		{"Sigmoid", Sigmoid[T], SigmoidBackward[T],
			func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
			func(y float64) float64 { return y * (1 - y) }},
		{"Tanh",
			func(x, y []T) { Tanh(1.5, 0.75, x, y) },
			func(y, dy, dx []T) { TanhBackward(1.5, 0.75, y, dy, dx) },
			func(x float64) float64 { return 1.5 * math.Tanh(0.75*x) },
			func(y float64) float64 { return 1.5 * 0.75 * (1 - y*y/(1.5*1.5)) }},
	}
}

func TestActivations(t *testing.T) {
	t.Run("float32", testActivations[float32])
	t.Run("float64", testActivations[float64])
}

func testActivations[T Float](t *testing.T) {
	for _, u := range unaries[T]() {
		for _, n := range sizes {
			x := append(special[T](), gaussian[T](1, n)...)[:n]
			dy := gaussian[T](2, n)
			y, dx := make([]T, n), make([]T, n)
			u.forward(x, y)
			u.backward(y, dy, dx)
			wantY, wantDx := make([]T, n), make([]T, n)
			for i := range x {
				wantY[i] = T(u.f(float64(x[i])))
				wantDx[i] = T(float64(dy[i]) * u.slope(float64(y[i])))
			}
			closeTo(t, wantY, y, precision[T](), u.name)
			closeTo(t, wantDx, dx, 2*precision[T](), u.name+" backward")
		}
	}
}

func TestActivationsWorkInPlace(t *testing.T) {
	for _, u := range unaries[float32]() {
		x := gaussian[float32](3, 1000)
		y := make([]float32, 1000)
		u.forward(x, y)
		u.forward(x, x)
		assert.Equal(t, y, x, u.name)
	}
}

func TestReLUGradientAtZeroIsZero(t *testing.T) {
	dx := []float64{9, 9, 9}
	ReLUBackward([]float64{0, 2, 0}, []float64{3, 4, math.Inf(1)}, dx)
	assert.Equal(t, []float64{0, 4, 0}, dx)
}

// allocations counts the allocations of f after its first run.
func allocations(f func()) float64 {
	f()
	return testing.AllocsPerRun(20, f)
}

func TestActivationsAllocateNothing(t *testing.T) {
	n := 3 * sweepShard
	x, y, dx := gaussian[float32](1, n), make([]float32, n), make([]float32, n)
	for _, u := range unaries[float32]() {
		assert.Zero(t, allocations(func() { u.forward(x, y); u.backward(y, x, dx) }), u.name)
	}
}
