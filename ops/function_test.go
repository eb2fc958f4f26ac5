package ops

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// Every built-in function agrees with PyTorch in float64, and its float32 kernel with float64 to
// the accuracy that Functions states: at kinks and near them, where powers overflow, and between.
func TestFunctionsAgreeWithPyTorch(t *testing.T) {
	compared := map[string]int{}
	for i, c := range readReference(t) {
		f, ok := c.function()
		if !ok {
			continue
		}
		compared[c.Op]++
		t.Run(fmt.Sprintf("%03d %v", i, f), func(t *testing.T) {
			y, dx := runFunction[float64](t, c, f)
			for j, x := range c.Inputs[0].Data {
				want, slope := c.Y.Data[j], c.Grads[0].Data[j]
				require.InDelta(t, want, y[j], 1e-12*max(math.Abs(want), 1.0/16), "result at %v", x)
				require.InDelta(t, want, f.Value(x), 1e-12*max(math.Abs(want), 1.0/16), "value at %v", x)
				require.InDelta(t, slope, dx[j], 1e-12*math.Abs(c.DY.Data[j]), "gradient at %v", x)
				require.InDelta(t, slope, f.Slope(x)*c.DY.Data[j], 1e-12*math.Abs(c.DY.Data[j]), "slope at %v", x)
			}
			requireDigits(t, c, f)
		})
	}
	for _, f := range Functions() {
		assert.GreaterOrEqual(t, compared[f.Name], 2, f.Name)
	}
}

func runFunction[T kernel.Float](t *testing.T, c referenceCase, f Function) (y, dx []float64) {
	t.Helper()
	y, grads := differentiate[T](t, c, func(in G.Nodes) (*G.Node, error) { return f.Apply(in[0]) })
	return y, grads[0]
}

func requireDigits(t *testing.T, c referenceCase, f Function) {
	t.Helper()
	y, dx := runFunction[float32](t, c, f)
	steepest := 1.0
	for _, x := range c.Inputs[0].Data {
		steepest = max(steepest, math.Abs(f.Slope(x)))
	}
	for i, x := range c.Inputs[0].Data {
		x, dy := float64(float32(x)), float64(float32(c.DY.Data[i]))
		want := f.Value(x)
		require.InDelta(t, want, y[i], 10*0x1p-24*max(math.Abs(want), 1.0/16), "float32 result at %v", x)
		require.InDelta(t, f.Slope(x)*dy, dx[i], 5*0x1p-24*steepest*math.Abs(dy), "float32 gradient at %v", x)
	}
}

// variants are the built-in functions with other constants.
func variants() []Function {
	return append(Functions(), LeakyReLUFunction(0.3), ClipFunction(-1, 1), ClipFunction(math.Inf(-1), 2),
		ELUFunction(0.5),
		ELUFunction(0), CELUFunction(0.25), CELUFunction(3), HardSigmoidFunction(0.2, 0.5), TanhFunction(1.7159, 2.0/3))
}

// Slope is the derivative of Value, and SlopeFromResult is Slope in terms of the result.
func TestSlopesAreOfTheirValues(t *testing.T) {
	const h = 1e-6
	for _, f := range variants() {
		for x := -8.003; x < 8; x += 0.05 { // meets no kink
			want := (f.Value(x+h) - f.Value(x-h)) / (2 * h)
			require.InDelta(t, want, f.Slope(x), 1e-8, "%v at %v", f, x)
			if f.SlopeFromResult != nil {
				require.InDelta(t, f.Slope(x), f.SlopeFromResult(f.Value(x)), 1e-14, "%v at %v", f, x)
			}
		}
	}
}

// No value or slope of a finite number is NaN, and NaN stays NaN.
func TestFunctionsOfLargeNumbersAndNaN(t *testing.T) {
	for _, f := range variants() {
		for _, x := range []float64{0, 1e-300, 20, 40, 700, 745, 1e10, 1e150, 1e300} {
			for _, x := range []float64{x, -x} {
				assert.True(t, finite(f.Value(x)), "%v at %v is %v", f, x, f.Value(x))
				assert.True(t, finite(f.Slope(x)), "slope of %v at %v is %v", f, x, f.Slope(x))
			}
		}
		for _, dt := range []string{"float32", "float64"} {
			y := valuesAs(t, f, dt, []float64{1, math.NaN(), -1})
			assert.True(t, math.IsNaN(y[1]) && !math.IsNaN(y[0]) && !math.IsNaN(y[2]), "%v in %s: %v", f, dt, y)
		}
	}
}

func valuesAs(t *testing.T, f Function, dt string, x []float64) []float64 {
	c := referenceCase{Inputs: []*referenceTensor{{Shape: []int{len(x)}, Data: x}}}
	c.DY, c.Grads = c.Inputs[0], c.Inputs
	y, _ := runFunction[float64](t, c, f)
	if dt == "float32" {
		y, _ = runFunction[float32](t, c, f)
	}
	return y
}

// In float32, a result at the rounded limit has slope 0.
func TestClipKnowsItsRoundedLimits(t *testing.T) {
	x := &referenceTensor{Shape: []int{4}, Data: []float64{-5, -0.5, 0.5, 5}}
	one := &referenceTensor{Shape: []int{4}, Data: ones(4)}
	c := referenceCase{Inputs: []*referenceTensor{x}, Grads: []*referenceTensor{x}, DY: one}
	clip := ClipFunction(-0.7, 0.7) // rounded towards 0
	_, single := runFunction[float32](t, c, clip)
	_, double := runFunction[float64](t, c, clip)
	assert.Equal(t, []float64{0, 1, 1, 0}, single)
	assert.Equal(t, []float64{0, 1, 1, 0}, double)
}

func TestFunctionsDescribeThemselves(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Functions() {
		require.NoError(t, f.Check(), f.Name)
		assert.NotEmpty(t, f.Formula, f.Name)
		assert.False(t, names[f.Name], f.Name)
		names[f.Name] = true
	}
	assert.Equal(t, "HardSigmoid(alpha 0.16667, beta 0.5)", HardSigmoidFunction(1.0/6, 0.5).String())
	assert.Equal(t, "Clip(low -Inf, high 6)", ClipFunction(math.Inf(-1), 6).String())
	assert.Equal(t, "SiLU", SiLUFunction().String())
	assert.Equal(t, "Tanh(a 1.7159, b 0.66667)", TanhFunction(1.7159, 2.0/3).String())
	assert.Equal(t, "Tanh", TanhFunction(1, 1).String())
}
