package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// curveCase is a float32 curve with its function in float64. slope takes x; fromY means that the
// curve's Backward takes y.
type curveCase struct {
	name         string
	curve        Curve[float32]
	value, slope func(x float64) float64
	fromY        bool
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func either(above bool, a, b float64) float64 {
	if above {
		return a
	}
	return b
}

func curveCases() []curveCase {
	expLinear := func(name string, a, b, c float32) curveCase {
		return curveCase{name, ExpLinear(a, b, c),
			func(x float64) float64 { return either(x > 0, float64(a)*x, float64(b)*math.Expm1(float64(c)*x)) },
			func(x float64) float64 {
				return either(x > 0, float64(a), float64(b)*float64(c)*math.Exp(float64(c)*x))
			}, true}
	}
	line := func(name string, a, b, low, high float32) curveCase {
		at := func(x float64) float64 { return float64(a)*x + float64(b) }
		return curveCase{name, ClippedLine(a, b, low, high),
			func(x float64) float64 { return math.Min(math.Max(at(x), float64(low)), float64(high)) },
			func(x float64) float64 {
				return either(at(x) > float64(low) && at(x) < float64(high), float64(a), 0)
			}, true}
	}
	const root2OverPi = 0.7978845608028654
	tanhOf := func(x float64) (t, slope float64) {
		t = math.Tanh(root2OverPi * (x + 0.044715*x*x*x))
		return t, root2OverPi * (1 + 3*0.044715*x*x)
	}
	return []curveCase{
		{"LeakyReLU", LeakyReLU(0.25),
			func(x float64) float64 { return either(x > 0, x, x/4) },
			func(x float64) float64 { return either(x > 0, 1, 0.25) }, true},
		line("Clip", 1, 0, 0, 6), line("HardSigmoid", 0.25, 0.5, 0, 1),
		{"HardSwish", HardSwish(),
			func(x float64) float64 { return x * math.Min(math.Max(x+3, 0), 6) / 6 },
			func(x float64) float64 { return either(x >= 3, 1, either(x <= -3, 0, x/3+0.5)) }, false},
		expLinear("ELU", 1, 1.5, 1), expLinear("SELU", 1.0507, 1.7581, 1), expLinear("CELU", 1, 0.5, 2),
		{"Softsign", Softsign(),
			func(x float64) float64 { return x / (1 + math.Abs(x)) },
			func(x float64) float64 { return 1 / ((1 + math.Abs(x)) * (1 + math.Abs(x))) }, true},
		{"SiLU", SiLU(),
			func(x float64) float64 { return x * logistic(x) },
			func(x float64) float64 { return logistic(x) * (1 + x*logistic(-x)) }, false},
		{"GELUTanh", GELUTanh(),
			func(x float64) float64 { return x * logistic(2*root2OverPi*(x+0.044715*x*x*x)) },
			func(x float64) float64 {
				t, u := tanhOf(x)
				return 0.5*(1+t) + 0.5*x*(1-t*t)*u
			}, false},
		{"GELU", GELU(),
			func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) },
			func(x float64) float64 {
				return 0.5*math.Erfc(-x/math.Sqrt2) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
			}, false},
		{"Softplus", Softplus(), softplus, logistic, true},
		{"Mish", Mish(),
			func(x float64) float64 { return x * math.Tanh(softplus(x)) },
			func(x float64) float64 {
				t := math.Tanh(softplus(x))
				return t + x*(1-t*t)*logistic(x)
			}, false},
	}
}

// assembled returns the curves of the active instruction set, by name.
func assembled() []curveCase {
	var cases []curveCase
	for _, c := range curveCases() {
		if c.curve.Forward != nil {
			cases = append(cases, c)
		}
	}
	return cases
}

func TestAVXHasEveryCurve(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaAVX2 || active == isaAVX512 {
			assert.Len(t, assembled(), len(curveCases()))
		}
	})
}

// curveInputs are finite numbers: a fine grid around 0, kinks with their neighbors, and large
// numbers.
func curveInputs() []float32 {
	var x []float32
	for v := float32(-7); v < 7; v += 0.0073 {
		x = append(x, v)
	}
	for v := float32(-120); v < 120; v += 0.37 {
		x = append(x, v)
	}
	for _, kink := range []float32{-3, 0, 3, 6} {
		x = append(x, kink, math.Nextafter32(kink, -9), math.Nextafter32(kink, 9))
	}
	return append(x, 1e-30, -1e-30, 1e-6, -1e-6, -2, 2, 1e38, -1e38)
}

// The error of a value is at most 10·2^-24 of the value or of 1/16, whichever is larger; that of a
// slope is at most 5·2^-24. The portable code has the same bound.
func TestCurveErrorBounds(t *testing.T) {
	x := curveInputs()
	forEachISA(t, func(t *testing.T) {
		for _, c := range assembled() {
			c.requireExactEnough(t, x)
		}
	})
	for _, c := range curveCases() {
		c.curve, c.fromY = CurveOf[float32](c.value, c.slope), false
		c.requireExactEnough(t, x)
	}
}

func (c curveCase) requireExactEnough(t *testing.T, x []float32) {
	t.Helper()
	y, slopes := make([]float32, len(x)), make([]float32, len(x))
	c.curve.Forward(x, y)
	saved := x
	if c.fromY {
		saved = y
	}
	c.curve.Backward(saved, repeated(1, len(x)), slopes)
	for i, v := range x {
		want, slope := c.value(float64(v)), c.slope(float64(v))
		require.InDelta(t, want, float64(y[i]), 10*0x1p-24*max(math.Abs(want), 1.0/16), "%s at %v", c.name, v)
		require.InDelta(t, slope, float64(slopes[i]), 5*0x1p-24, "slope of %s at %v", c.name, v)
	}
}

func repeated(v float32, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func TestCurvesOfNaNAndInfinity(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	forEachISA(t, func(t *testing.T) {
		for _, c := range assembled() {
			x, y, dx := []float32{nan, inf, -inf}, make([]float32, 3), make([]float32, 3)
			c.curve.Forward(x, y)
			for i, v := range x {
				if want := float32(c.value(float64(v))); want == want {
					assert.Equal(t, want, y[i], "%s of %v", c.name, v)
				} else {
					assert.True(t, y[i] != y[i], "%s of %v is %v", c.name, v, y[i])
				}
			}
			c.curve.Backward(x, []float32{nan, nan, nan}, dx)
			for i, v := range dx {
				assert.True(t, v != v, "%s: gradient NaN becomes %v at %v", c.name, v, x[i])
			}
		}
	})
}

// A curve touches nothing outside its arrays, an element's bits don't depend on its index, and
// results may overwrite the operand.
func TestCurvesStayInside(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, c := range assembled() {
			x, dy := gaussian[float32](1, 1001), gaussian[float32](2, 1001)
			whole := c.results(slices.Clone(x), slices.Clone(dy))
			for _, atEnd := range []bool{false, true} {
				saved, gradients := newGround(t, 1001, atEnd), newGround(t, 1001, atEnd)
				for n := range 70 {
					got := c.results(saved.put(x[:n]), gradients.put(dy[:n]))
					what := fmt.Sprintf("%s, %d elements", c.name, n)
					saved.requireUnused(t, what)
					gradients.requireUnused(t, what)
					require.Equal(t, bitsOf(whole[0][:n]), bitsOf(got[0]), what)
					require.Equal(t, bitsOf(whole[1][:n]), bitsOf(got[1]), what)
				}
			}
		}
	})
}

// results computes dx over dy, then y over x, which is also the backward pass's saved operand.
func (c curveCase) results(x, dy []float32) [2][]float32 {
	c.curve.Backward(x, dy, dy)
	c.curve.Forward(x, x)
	return [2][]float32{x, dy}
}

func TestCurvesAllocateNothing(t *testing.T) {
	n := 3 * sweepShard
	x, y, dx := gaussian[float32](1, n), make([]float32, n), make([]float32, n)
	cases := append(assembled(), curveCase{name: "CurveOf", curve: CurveOf[float32](math.Abs, math.Abs)})
	for _, c := range cases {
		assert.Zero(t, allocations(func() { c.curve.Forward(x, y); c.curve.Backward(x, y, dx) }), c.name)
	}
}

func BenchmarkCurves(b *testing.B) {
	const n = 1 << 20
	x, y, dy := gaussian[float32](1, n), make([]float32, n), gaussian[float32](2, n)
	run := func(name string, pass func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				pass()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
	withWorkers(b, 1, func() {
		for _, c := range assembled() {
			portable := CurveOf[float32](c.value, c.slope)
			run(c.name+"/Forward", func() { c.curve.Forward(x, y) })
			run(c.name+"/Backward", func() { c.curve.Backward(x, dy, y) })
			run(c.name+"/PortableForward", func() { portable.Forward(x, y) })
			run(c.name+"/PortableBackward", func() { portable.Backward(x, dy, y) })
		}
	})
}
