package gradcheck

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func testMethod() method {
	return method{step: firstStep64, steps: steps64, roundoff: 4 * epsilon64, tolerance: 1e-6}
}

// derive estimates the derivative of f at 0 for the given gradient.
func derive(t require.TestingT, m method, f func(float64) float64, gradient float64) slope {
	s, err := m.derivative(func(x float64) (float64, error) { return f(x), nil }, f(0), gradient)
	require.NoError(t, err)
	return s
}

func TestDerivativeOfSmoothFunctions(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(float64) float64
		want float64
	}{
		"constant":  {func(float64) float64 { return 3 }, 0},
		"linear":    {func(x float64) float64 { return 3 - 2*x }, -2},
		"parabola":  {func(x float64) float64 { return x*x + 1 }, 0},
		"cubic":     {func(x float64) float64 { return (x + 1) * (x + 1) * (x + 1) }, 3},
		"exp":       {math.Exp, 1},
		"fast sine": {func(x float64) float64 { return math.Sin(20*x) / 20 }, 1},
		"tanh":      {math.Tanh, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := testMethod()
			s := derive(t, m, c.f, c.want)
			assert.InDelta(t, c.want, s.value, 1e-9)
			assert.False(t, s.kink)
			assert.False(t, s.retried)
			assert.LessOrEqual(t, m.errorOf(c.want, s), m.tolerance)

			s = derive(t, m, c.f, c.want+1e-4)
			assert.InDelta(t, c.want, s.value, 1e-8, "a wrong gradient must not move the estimate")
			assert.False(t, s.kink)
			assert.Greater(t, m.errorOf(c.want+1e-4, s), m.tolerance)
		})
	}
}

func TestPlainDifferencesMatchTextbook(t *testing.T) {
	m := testMethod()
	m.step, m.plain = 1e-4, true
	textbook := (math.Exp(1e-4) - math.Exp(-1e-4)) / 2e-4 // error h²/6
	assert.InDelta(t, textbook, derive(t, m, math.Exp, 1).value, 1e-11)
}

func TestKinkAtThePointBoundsTheGradient(t *testing.T) {
	relu := func(x float64) float64 { return max(x, 0) + math.Exp(x) }
	m := testMethod()
	for gradient, ok := range map[float64]bool{1: true, 1.5: true, 2: true, 0.999: false, 2.001: false, 0: false} {
		s := derive(t, m, relu, gradient)
		assert.True(t, s.kink, gradient)
		assert.InDelta(t, 1, s.lo, 1e-8)
		assert.InDelta(t, 2, s.hi, 1e-8)
		assert.Equal(t, ok, m.errorOf(gradient, s) <= m.tolerance, gradient)
	}
}

func TestKinkNearThePointIsAvoided(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := math.Pow(10, rapid.Float64Range(-6, -2).Draw(t, "log distance")) * rapid.SampledFrom([]float64{
			-1, 1,
		}).Draw(t, "side")
		jump := rapid.Float64Range(0.01, 10).Draw(t, "jump")
		f := func(x float64) float64 { return math.Exp(x/2) + jump*math.Abs(x-at) }
		want := 0.5 - math.Copysign(jump, at)
		m := testMethod()

		s := derive(t, m, f, want)
		assert.False(t, s.kink)
		assert.LessOrEqual(t, m.errorOf(want, s), m.tolerance)

		s = derive(t, m, f, want+1e-4)
		assert.Greater(t, m.errorOf(want+1e-4, s), m.tolerance)
	})
}

func TestPoleNearThePointIsAvoided(t *testing.T) {
	m := testMethod()
	s := derive(t, m, func(x float64) float64 { return math.Sqrt(x+4e-4) - 1 }, 25)
	assert.True(t, s.retried)
	assert.False(t, s.kink)
	assert.InEpsilon(t, 25, s.value, 1e-6)
}

func TestRejectsFunctionDefinedAtPointOnly(t *testing.T) {
	f := func(x float64) (float64, error) { return math.Log(-x * x), nil }
	_, err := testMethod().derivative(f, 0, 1)
	require.ErrorContains(t, err, "isn't finite")
}

func TestDerivativeReturnsErrors(t *testing.T) {
	for _, failing := range []float64{1, -1} {
		_, err := testMethod().derivative(func(x float64) (float64, error) {
			if math.Copysign(1, x) == failing {
				return 0, errors.New("out of range")
			}
			return x, nil
		}, 0, 1)
		require.ErrorContains(t, err, "out of range")
	}
}

func TestZeroGradientsCompare(t *testing.T) {
	m := testMethod()
	m.roundoff = 0
	assert.Zero(t, m.errorOf(0, slope{}))
	assert.Equal(t, 1.0, m.errorOf(1e-300, slope{}))
	m.floor = 1e-3
	assert.InDelta(t, 1e-3, m.errorOf(1e-6, slope{}), 1e-12)
}
