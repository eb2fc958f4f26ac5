package gradcheck_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chewxy/hm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops/gradcheck"
)

// normal returns a tensor of normally distributed numbers.
func normal(dt tensor.Dtype, seed uint64, shape ...int) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 0))
	d := tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
	for i := range d.Size() {
		x := rng.NormFloat64()
		if dt == tensor.Float32 {
			d.Float32s()[i] = float32(x)
			continue
		}
		d.Float64s()[i] = x
	}
	return d
}

func inputs(dt tensor.Dtype) []gradcheck.Input {
	return []gradcheck.Input{{Name: "x", Value: normal(dt, 1, 3, 4)}, {Name: "y", Value: normal(dt, 2, 3, 4)}}
}

// chain composes unary functions of gorgonia's.
func chain(n *G.Node, fs ...func(*G.Node) (*G.Node, error)) (*G.Node, error) {
	var err error
	for _, f := range fs {
		if n, err = f(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func sum(n *G.Node) (*G.Node, error)     { return G.Sum(n) }
func softmax(n *G.Node) (*G.Node, error) { return G.SoftMax(n) }

// stock is functions of x and y, both (3, 4), of gorgonia's ops with right gradients.
var stock = map[string]func(x, y *G.Node) (*G.Node, error){
	"product":        func(x, y *G.Node) (*G.Node, error) { return G.HadamardProd(x, y) },
	"matrix product": func(x, y *G.Node) (*G.Node, error) { return G.Mul(x, G.Must(G.Transpose(y, 1, 0))) },
	"sum":            func(x, y *G.Node) (*G.Node, error) { return chain(G.Must(G.Add(x, y)), sum) },
	"distance":       func(x, y *G.Node) (*G.Node, error) { return chain(G.Must(G.Sub(x, y)), G.Square, sum) },
	"softmax":        func(x, y *G.Node) (*G.Node, error) { return chain(G.Must(G.Add(x, y)), softmax) },
	"tanh":           func(x, y *G.Node) (*G.Node, error) { return chain(G.Must(G.HadamardProd(x, y)), G.Tanh, sum) },
	"rectifier":      func(x, y *G.Node) (*G.Node, error) { return chain(G.Must(G.HadamardProd(x, y)), G.Rectify) },
	"shared": func(x, y *G.Node) (*G.Node, error) {
		return G.Add(G.Must(G.HadamardProd(x, x)), G.Must(G.HadamardProd(x, y)))
	},
}

func stockBuild(f func(x, y *G.Node) (*G.Node, error)) gradcheck.Build {
	return func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return f(in[0], in[1]) }
}

func TestSoundOpsPass(t *testing.T) {
	for name, f := range stock {
		t.Run(name, func(t *testing.T) {
			for _, o := range []gradcheck.Options{{}, {Directions: 3, Seed: 7}, {Step: 1e-3, Tolerance: 1e-5}} {
				r := gradcheck.Test(t, inputs(tensor.Float64), stockBuild(f), o)
				for _, in := range r.Inputs {
					assert.Zero(t, in.Kinks)
				}
			}
			for _, o := range []gradcheck.Options{{}, {Directions: 3, Seed: 7}} {
				gradcheck.Test(t, inputs(tensor.Float32), stockBuild(f), o)
			}
		})
	}
}

// square is y = x² with a gradient that a test can replace by a wrong one.
type square struct {
	id    uint64
	spoil func(gradient []float64)
}

// squareGradient is 2·x·dy, changed by the mutant.
type squareGradient struct{ square }

var squares atomic.Uint64

func newSquare(x *G.Node, spoil func([]float64)) (*G.Node, error) {
	return G.ApplyOp(&square{squares.Add(1), spoil}, x)
}

func (s *square) Arity() int { return 1 }
func (s *square) Type() hm.Type {
	m := G.TensorType{Dims: 2, Of: tensor.Float64}
	return hm.NewFnType(m, m)
}
func (s *square) InferShape(in ...G.DimSizer) (tensor.Shape, error) {
	return in[0].(tensor.Shape).Clone(), nil
}
func (s *square) ReturnsPtr() bool      { return true }
func (s *square) CallsExtern() bool     { return false }
func (s *square) OverwritesInput() int  { return -1 }
func (s *square) WriteHash(h hash.Hash) { fmt.Fprintf(h, "square %d", s.id) }
func (s *square) Hashcode() uint32      { h := fnv.New32a(); s.WriteHash(h); return h.Sum32() }
func (s *square) String() string        { return "square" }
func (s *square) DiffWRT(int) []bool    { return []bool{true} }

func (s *square) Do(in ...G.Value) (G.Value, error) {
	y := in[0].(*tensor.Dense).Clone().(*tensor.Dense)
	for i, x := range y.Float64s() {
		y.Float64s()[i] = x * x
	}
	return y, nil
}

func (s *square) SymDiff(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	n, err := G.ApplyOp(&squareGradient{square{squares.Add(1), s.spoil}}, in[0], grad)
	return G.Nodes{n}, err
}

func (s *squareGradient) Arity() int { return 2 }

func (s *squareGradient) Type() hm.Type {
	m := G.TensorType{Dims: 2, Of: tensor.Float64}
	return hm.NewFnType(m, m, m)
}

func (s *squareGradient) Do(in ...G.Value) (G.Value, error) {
	dx := in[0].(*tensor.Dense).Clone().(*tensor.Dense)
	for i, dy := range in[1].(*tensor.Dense).Float64s() {
		dx.Float64s()[i] *= 2 * dy
	}
	s.spoil(dx.Float64s())
	return dx, nil
}

func spoiltSquare(spoil func([]float64)) gradcheck.Build {
	return func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return newSquare(in[0], spoil) }
}

// Each mutant changes the right gradient of 6 rows of 5.
var mutants = map[string]func(g []float64){
	"scaled by 1.001":      func(g []float64) { scale(g, 1.001) },
	"scaled by 0.99999":    func(g []float64) { scale(g, 0.99999) },
	"zero":                 func(g []float64) { clear(g) },
	"one sign flipped":     func(g []float64) { g[17] = -g[17] },
	"off by one":           func(g []float64) { copy(g, append(g[1:], g[0])) },
	"row dropped":          func(g []float64) { clear(g[10:15]) },
	"two elements swapped": func(g []float64) { g[3], g[4] = g[4], g[3] },
	"bias added":           func(g []float64) { g[29] += 1e-4 },
}

func scale(g []float64, by float64) {
	for i := range g {
		g[i] *= by
	}
}

func TestWrongGradientsAreCaught(t *testing.T) {
	in := []gradcheck.Input{{Name: "x", Value: normal(tensor.Float64, 3, 6, 5)}}
	for _, o := range []gradcheck.Options{{}, {Directions: 2, Samples: 1}, {Step: 1e-4}} {
		gradcheck.Test(t, in, spoiltSquare(func([]float64) {}), o)
		for name, spoil := range mutants {
			r, err := gradcheck.Check(in, spoiltSquare(spoil), o)
			require.NoError(t, err)
			assert.ErrorContains(t, r.Err(), `"x"`, "%s with %+v", name, o)
			assert.Contains(t, r.String(), "WRONG")
		}
	}
}

func TestWorstElementIsNamed(t *testing.T) {
	in := []gradcheck.Input{{Name: "x", Value: normal(tensor.Float64, 3, 6, 5)}}
	for _, o := range []gradcheck.Options{{}, {Directions: 1, Samples: 1}} {
		r, err := gradcheck.Check(in, spoiltSquare(mutants["one sign flipped"]), o)
		require.NoError(t, err)
		worst := r.Inputs[0].Worst
		assert.Equal(t, []int{3, 2}, worst.Index)
		assert.InDelta(t, -worst.Numerical, worst.Gradient, 1e-6)
		assert.ErrorContains(t, r.Err(), "[3 2]")
	}
}

// failures replaces a test that is expected to fail.
type failures struct {
	testing.TB
	messages []string
}

func (f *failures) Helper() {}
func (f *failures) Errorf(format string, a ...any) {
	f.messages = append(f.messages, fmt.Sprintf(format, a...))
}
func (f *failures) Fatal(a ...any) { f.messages = append(f.messages, fmt.Sprint(a...)) }

func TestTestFailsOnWrongGradients(t *testing.T) {
	in := []gradcheck.Input{{Name: "x", Value: normal(tensor.Float64, 3, 6, 5)}}
	f := &failures{TB: t}
	gradcheck.Test(f, in, spoiltSquare(mutants["row dropped"]), gradcheck.Options{})
	require.Len(t, f.messages, 1)
	assert.Contains(t, f.messages[0], "WRONG")

	f = &failures{TB: t}
	gradcheck.Test(f, nil, spoiltSquare(mutants["row dropped"]), gradcheck.Options{})
	require.Len(t, f.messages, 1)
	assert.Contains(t, f.messages[0], "at least one input")
}

// quadratic is Σ w·x² in plain Go, with gradients that a test can replace by wrong ones.
func quadratic(n int, spoil func([]float64)) gradcheck.Func {
	x := normal(tensor.Float64, 5, n)
	weight := func(i int) float64 { return 1 + float64(i%7) }
	return gradcheck.Func{
		Inputs: []gradcheck.Input{{Name: "x", Value: x}},
		Loss: func() (float64, error) {
			sum := 0.0
			for i, v := range x.Float64s() {
				sum += weight(i) * v * v
			}
			return sum, nil
		},
		Gradients: func() ([]*tensor.Dense, error) {
			g := x.Clone().(*tensor.Dense)
			for i := range g.Float64s() {
				g.Float64s()[i] *= 2 * weight(i)
			}
			spoil(g.Float64s())
			return []*tensor.Dense{g}, nil
		},
	}
}

func TestFunc(t *testing.T) {
	f := quadratic(40, func([]float64) {})
	before := append([]float64(nil), f.Inputs[0].Value.Float64s()...)
	f.Test(t, gradcheck.Options{})
	f.Test(t, gradcheck.Options{Directions: 2})
	assert.Equal(t, before, f.Inputs[0].Value.Float64s(), "the inputs are restored")

	r, err := quadratic(40, func(g []float64) { g[11] *= 1.001 }).Check(gradcheck.Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{11}, r.Inputs[0].Worst.Index)
	require.Error(t, r.Err())
}

// The projected mode costs the same for a tensor of any size, and finds one wrong element among
// 100,000.
func TestProjectedModeIsBounded(t *testing.T) {
	o := gradcheck.Options{Directions: 2, Samples: 3}
	small := quadratic(100, func([]float64) {}).Test(t, o)
	large := quadratic(100_000, func([]float64) {}).Test(t, o)
	assert.Equal(t, small.Evaluations, large.Evaluations)
	assert.LessOrEqual(t, large.Evaluations, 2+4*(2+3))

	r, err := quadratic(100_000, func(g []float64) { g[54_321] += 0.1 }).Check(o)
	require.NoError(t, err)
	assert.Equal(t, []int{54_321}, r.Inputs[0].Worst.Index)
	require.Error(t, r.Err())
}

// Large numbers get a long step: a step of 1e-3 would put the floor at 1e8, above the gradients.
func TestStepScalesWithElement(t *testing.T) {
	f := quadratic(10, func([]float64) {})
	x := f.Inputs[0].Value.Float64s()
	for i := range x {
		x[i] = 1e6 * float64(1+i)
	}
	r := f.Test(t, gradcheck.Options{})
	assert.Less(t, r.Inputs[0].Floor, 1e4)
}

func rectified(x *tensor.Dense, gradientAtZero float64) gradcheck.Func {
	return gradcheck.Func{
		Inputs: []gradcheck.Input{{Name: "x", Value: x}},
		Loss: func() (float64, error) {
			sum := 1.0
			for _, v := range x.Float64s() {
				sum += max(v, 0)
			}
			return sum, nil
		},
		Gradients: func() ([]*tensor.Dense, error) {
			g := x.Clone().(*tensor.Dense)
			for i, v := range x.Float64s() {
				switch {
				case v > 0:
					g.Float64s()[i] = 1
				case v == 0:
					g.Float64s()[i] = gradientAtZero
				default:
					g.Float64s()[i] = 0
				}
			}
			return []*tensor.Dense{g}, nil
		},
	}
}

func TestKinksAreCounted(t *testing.T) {
	values := make([]float64, 30)
	for i := range values {
		values[i] = float64(i) - 20.5
	}
	values[3], values[4], values[5] = 0, 1e-5, -2e-6
	x := tensor.New(tensor.WithShape(30), tensor.WithBacking(values))

	for _, gradientAtZero := range []float64{0, 0.5, 1} {
		in := rectified(x, gradientAtZero).Test(t, gradcheck.Options{}).Inputs[0]
		assert.Equal(t, 1, in.Kinks)
		assert.Equal(t, 2, in.Retried)
	}
	r, err := rectified(x, 1.01).Check(gradcheck.Options{})
	require.NoError(t, err)
	assert.ErrorContains(t, r.Err(), "at [3]")
}

func TestTooManyKinksAreAnError(t *testing.T) {
	x := tensor.New(tensor.WithShape(8), tensor.WithBacking([]float64{0, 1, 2, 3, 4, 5, 6, 7}))
	r, err := rectified(x, 0).Check(gradcheck.Options{})
	require.NoError(t, err)
	assert.ErrorContains(t, r.Err(), "1 of 8")
}

// TestProjectedModeReplacesKinks: the steepest element and every direction are at a kink, the next
// element isn't. With zeros alone, nothing is away from kinks.
func TestProjectedModeReplacesKinks(t *testing.T) {
	o := gradcheck.Options{Directions: 1, Samples: 1}
	x := tensor.New(tensor.WithShape(8), tensor.WithBacking([]float64{0, 1, 2, 3, 4, 5, 6, 7}))
	in := rectified(x, 1).Test(t, o).Inputs[0]
	assert.Equal(t, 1, in.Compared-in.Kinks)
	r, err := rectified(x, 1.01).Check(o)
	require.NoError(t, err)
	assert.ErrorContains(t, r.Err(), "relative error")
	r, err = rectified(tensor.New(tensor.WithShape(8), tensor.WithBacking(make([]float64, 8))), 0.5).Check(o)
	require.NoError(t, err)
	assert.ErrorContains(t, r.Err(), "comparisons are at kinks")
}

func TestReportAsJSON(t *testing.T) {
	for _, o := range []gradcheck.Options{{}, {Directions: 2}} {
		r, err := quadratic(10, mutants["zero"]).Check(o)
		require.NoError(t, err)
		data, err := json.Marshal(r)
		require.NoError(t, err)
		var got struct {
			Passed bool
			gradcheck.Report
		}
		require.NoError(t, json.Unmarshal(data, &got.Report))
		require.NoError(t, json.Unmarshal(data, &struct{ Passed *bool }{&got.Passed}))
		assert.False(t, got.Passed)
		assert.Equal(t, r.Inputs[0].Worst, got.Inputs[0].Worst)
		assert.Equal(t, r.Err(), got.Err())
	}
	data, err := json.Marshal(quadratic(10, func([]float64) {}).Test(t, gradcheck.Options{}))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), `{"passed":true,"dtype":"float64"`), string(data))
}

func TestReportAsTable(t *testing.T) {
	one := 1
	r := &gradcheck.Report{Dtype: "float64", Tolerance: 1e-6, Loss: 2.302585, Inputs: []gradcheck.InputReport{
		{Name: "conv1.weight", Shape: []int{10, 1, 3, 3}, Elements: 90, Compared: 90, Retried: 3, Floor: 2e-6,
			MeanDifference: 1.5e-13,
			Worst: gradcheck.Element{Index: []int{9, 0, 2, 1}, Gradient: 0.25, Numerical: 0.250000002,
				Error: 8e-9}},
		{Name: "conv1.bias", Shape: []int{10}, Elements: 10, Compared: 10,
			Worst: gradcheck.Element{Direction: &one, Gradient: 0.25, Numerical: -0.25, Error: 2}},
	}}
	assert.Equal(t, `float64, every element, loss 2.30259, tolerance 1e-06
input         shape       compared  mean difference  worst error  at           gradient  numerical    floor    retried  kinks  verdict
conv1.weight  [10 1 3 3]  90        1.50e-13         8.00e-09     [9 0 2 1]    0.25      0.250000002  2.0e-06  3        0      ok
conv1.bias    [10]        10        0.00e+00         2.00e+00     direction 1  0.25      -0.25        0.0e+00  0        0      WRONG
`, r.String())
	assert.EqualError(
		t, r.Err(),
		`gradcheck: "conv1.bias": gradient 0.25, numerical -0.25 at direction 1: relative error 2, want at most 1e-06`,
	)
}

func TestRejectsInvalidInputs(t *testing.T) {
	x := normal(tensor.Float64, 1, 3, 4)
	one := []gradcheck.Input{{Name: "x", Value: x}}
	summed := func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return G.Sum(in[0]) }
	view := normal(tensor.Float64, 1, 4, 3)
	require.NoError(t, view.T())

	for name, c := range map[string]struct {
		inputs []gradcheck.Input
		build  gradcheck.Build
		o      gradcheck.Options
		want   string
	}{
		"no inputs": {nil, summed, gradcheck.Options{}, "at least one input"},
		"no value":  {[]gradcheck.Input{{Name: "x"}}, summed, gradcheck.Options{}, `input "x": got nil, want`},
		"no name":   {[]gradcheck.Input{{Value: x}}, summed, gradcheck.Options{}, "want a different name"},
		"same name": {append(one, one...), summed, gradcheck.Options{}, "want a different name"},
		"integers": {
			[]gradcheck.Input{{Name: "x", Value: tensor.New(tensor.Of(tensor.Int), tensor.WithShape(3))}}, summed,
			gradcheck.Options{}, ": got int, want float32 or float64",
		},
		"scalar": {
			[]gradcheck.Input{{Name: "x", Value: tensor.New(tensor.FromScalar(1.0))}}, summed, gradcheck.Options{},
			"want at least one dimension",
		},
		"view": {[]gradcheck.Input{{Name: "x", Value: view}}, summed, gradcheck.Options{}, ": got a view"},
		"two types": {
			append(inputs(tensor.Float32), one[0])[1:], stockBuild(stock["sum"]), gradcheck.Options{},
			"got float64, want float32 like input",
		},
		"unused": {inputs(tensor.Float64), summed, gradcheck.Options{}, "differentiating: "},
		"no result": {one, func(*G.ExprGraph, []*G.Node) (*G.Node, error) { return nil, nil }, gradcheck.Options{},
			"want a node"},
		"build error": {one, func(*G.ExprGraph, []*G.Node) (*G.Node, error) {
			return nil, errors.New("kernel too large")
		}, gradcheck.Options{}, "kernel too large"},
		"build panics": {one, func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return in[3], nil },
			gradcheck.Options{}, "index out of range"},
		"options":   {one, summed, gradcheck.Options{Directions: -1}, "want finite numbers of at least 0"},
		"tolerance": {one, summed, gradcheck.Options{Tolerance: math.NaN()}, "want finite numbers of at least 0"},
		"floor":     {one, summed, gradcheck.Options{Floor: math.Inf(1)}, "want finite numbers of at least 0"},
		"step":      {one, summed, gradcheck.Options{Step: math.NaN()}, "want finite numbers of at least 0"},
		"nothing": {
			[]gradcheck.Input{{Name: "x", Value: tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(0))}}, summed,
			gradcheck.Options{}, ": got shape (0), want",
		},
		"small step": {one, summed, gradcheck.Options{Step: 1e-12}, "want at least 1e-08"},
		"run fails": {one, func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return newSquare(
				G.Must(G.Sum(in[0])), nil,
			)
		}, gradcheck.Options{}, "ype"},
	} {
		r, err := gradcheck.Check(c.inputs, c.build, c.o)
		assert.Nil(t, r, name)
		assert.ErrorContains(t, err, c.want, name)
	}
}

func TestRejectsInvalidFuncs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gradcheck.Func)
		want   string
	}{
		"no loss": {func(f *gradcheck.Func) { f.Loss = nil }, "got no loss or no gradients"},
		"loss fails": {func(f *gradcheck.Func) {
			f.Loss = func() (float64, error) { return 0, errors.New("no data") }
		}, "loss: no data"},
		"loss is NaN": {func(f *gradcheck.Func) {
			f.Loss = func() (float64, error) { return math.NaN(), nil }
		}, "loss: got NaN"},
		"loss is random": {func(f *gradcheck.Func) {
			f.Loss = func() (float64, error) { return rand.Float64(), nil }
		}, "want a deterministic function"},
		"gradients fail": {func(f *gradcheck.Func) {
			f.Gradients = func() ([]*tensor.Dense, error) { return nil, errors.New("no tape") }
		}, "gradients: no tape"},
		"no gradients": {func(f *gradcheck.Func) {
			f.Gradients = func() ([]*tensor.Dense, error) { return nil, nil }
		}, "got 0 gradients, want 1"},
		"nil gradient": {func(f *gradcheck.Func) {
			f.Gradients = func() ([]*tensor.Dense, error) { return []*tensor.Dense{nil}, nil }
		}, `gradient of "x": got nil`},
		"gradient is NaN": {func(f *gradcheck.Func) {
			spoil(f, func(g *tensor.Dense) *tensor.Dense { g.Float64s()[3] = math.NaN(); return g })
		}, ": got NaN at [3], want"},
		"gradient's size": {func(f *gradcheck.Func) {
			spoil(f, func(*tensor.Dense) *tensor.Dense { return normal(tensor.Float64, 1, 2, 2) })
		}, ": got shape (2, 2), want (5)"},
		"gradient's shape": {func(f *gradcheck.Func) {
			spoil(f, func(*tensor.Dense) *tensor.Dense { return normal(tensor.Float64, 1, 5, 1) })
		}, ": got shape (5, 1), want (5)"},
	} {
		f := quadratic(5, func([]float64) {})
		c.change(&f)
		r, err := f.Check(gradcheck.Options{})
		assert.Nil(t, r, name)
		assert.ErrorContains(t, err, c.want, name)
	}
}

func spoil(f *gradcheck.Func, change func(*tensor.Dense) *tensor.Dense) {
	gradients := f.Gradients
	f.Gradients = func() ([]*tensor.Dense, error) {
		g, err := gradients()
		return []*tensor.Dense{change(g[0])}, err
	}
}

// A gradient may be a transposed view; its elements are read by coordinates.
func TestGradientsMayBeViews(t *testing.T) {
	x := normal(tensor.Float64, 1, 2, 3)
	f := gradcheck.Func{
		Inputs: []gradcheck.Input{{Name: "x", Value: x}},
		Loss: func() (float64, error) {
			sum := 0.0
			for i, v := range x.Float64s() {
				sum += float64(i) * v
			}
			return sum, nil
		},
		Gradients: func() ([]*tensor.Dense, error) {
			g := tensor.New(tensor.WithShape(3, 2), tensor.WithBacking([]float64{0, 3, 1, 4, 2, 5}))
			return []*tensor.Dense{g}, g.T()
		},
	}
	f.Test(t, gradcheck.Options{})
}

// Labels are constants of the graph. They keep their values even if a stock op overwrites them
// between runs.
func TestConstantsKeepTheirValues(t *testing.T) {
	build := func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		labels := G.NewMatrix(
			g, tensor.Float64, G.WithShape(3, 4), G.WithName("labels"), G.WithValue(normal(tensor.Float64, 9, 3, 4)),
		)
		return chain(G.Must(G.Sub(labels, in[0])), G.Square, sum)
	}
	gradcheck.Test(t, inputs(tensor.Float64)[:1], build, gradcheck.Options{})
}
