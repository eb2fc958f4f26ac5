package ops_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// joinCases are the ops that join, split or rearrange tensors.
func joinCases() []opCase {
	var cases []opCase
	for _, group := range [][]opCase{addCases(), multiplyCases(), concatCases(), sliceCases(), shuffleCases(),
		padCases(), globalPoolCases()} {
		cases = append(cases, group...)
	}
	return cases
}

func addCases() []opCase {
	var cases []opCase
	for _, x := range []tensor.Shape{{1}, {5}, {3, 7}, {2, 3, 4}, {2, 3, 3, 5}} {
		for terms := 2; terms <= 4; terms++ {
			c := opCase{
				name:  fmt.Sprintf("Add/%d of %v", terms, x),
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Add(in...) },
				naive: naiveAdd,
			}
			for range terms {
				c.inputs = append(c.inputs, x)
			}
			cases = append(cases, c)
		}
	}
	return append(cases, opCase{
		name:   "Add/one term twice",
		inputs: []tensor.Shape{{2, 3}, {2, 3}},
		build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Add(in[0], in[1], in[0]) },
		naive:  func(in []array) array { return naiveAdd([]array{in[0], in[1], in[0]}) },
	})
}

func naiveAdd(in []array) array {
	y := newArray(in[0].shape...)
	for i := range y.data {
		for _, x := range in {
			y.data[i] += x.data[i]
		}
	}
	return y
}

func multiplyCases() []opCase {
	var cases []opCase
	for _, c := range [][2]tensor.Shape{
		{{5}, {5}},
		{{3, 7}, {3, 7}},
		{{2, 3, 3, 5}, {2, 3, 3, 5}},
		{{2, 3, 1, 1}, {2, 3, 1, 1}},
		{{2, 3, 4, 5}, {2, 3}},
		{{2, 3, 4, 5}, {2, 3, 1, 1}},
		{{2, 3, 1, 1}, {2, 3}},
		{{1, 1, 1, 1}, {1, 1}},
		{{1, 2, 3, 17}, {1, 2}},
	} {
		perFactor := c[0].TotalSize() / c[1].TotalSize() // consecutive elements
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Multiply/%v by %v", c[0], c[1]),
			inputs: c[:],
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Multiply(in[0], in[1]) },
			naive: func(in []array) array {
				y := newArray(in[0].shape...)
				for i, x := range in[0].data {
					y.data[i] = x * in[1].data[i/perFactor]
				}
				return y
			},
		})
	}
	return cases
}

// images views (N, C) as (N, C, 1, 1).
func images(a array) array {
	if a.shape.Dims() == 2 {
		a.shape = tensor.Shape{a.shape[0], a.shape[1], 1, 1}
	}
	return a
}

// channelsOf returns an array like x, (N, C) or (N, C, H, W), with another number of channels.
func channelsOf(x array, channels int, f func(n, c, h, w int) float64) array {
	shape := x.shape.Clone()
	shape[1] = channels
	y := newArray(shape...)
	images(y).each(f)
	return y
}

func concatCases() []opCase {
	var cases []opCase
	for _, inputs := range [][]tensor.Shape{
		{{1, 1, 1, 1}, {1, 1, 1, 1}},
		{{2, 3, 2, 3}, {2, 1, 2, 3}, {2, 4, 2, 3}},
		{{1, 2, 3, 3}, {1, 5, 3, 3}},
		{{3, 2}, {3, 5}},
		{{2, 1}, {2, 3}, {2, 2}, {2, 1}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Concat/%v", inputs),
			inputs: inputs,
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Concat(in...) },
			naive:  naiveConcat,
		})
	}
	return cases
}

func naiveConcat(in []array) array {
	total := 0
	for _, x := range in {
		total += x.shape[1]
	}
	return channelsOf(in[0], total, func(n, c, h, w int) float64 {
		for _, x := range in {
			if c < x.shape[1] {
				return images(x).at(n, c, h, w)
			}
			c -= x.shape[1]
		}
		panic("unreachable: c is below the total")
	})
}

func sliceCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x        tensor.Shape
		from, to int
	}{
		{tensor.Shape{2, 5, 3, 2}, 1, 4},
		{tensor.Shape{2, 5, 3, 2}, 0, 1},
		{tensor.Shape{2, 5, 3, 2}, 4, 5},
		{tensor.Shape{2, 5, 3, 2}, 0, 5},
		{tensor.Shape{1, 1, 1, 1}, 0, 1},
		{tensor.Shape{3, 7}, 2, 6},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Slice/%v,%d:%d", c.x, c.from, c.to),
			inputs: []tensor.Shape{c.x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Slice(in[0], c.from, c.to) },
			naive: func(in []array) array {
				return channelsOf(in[0], c.to-c.from, func(n, channel, h, w int) float64 {
					return images(in[0]).at(n, c.from+channel, h, w)
				})
			},
		})
	}
	return cases
}

func shuffleCases() []opCase {
	var cases []opCase
	for _, x := range []tensor.Shape{{2, 6, 2, 3}, {1, 12, 1, 1}, {3, 6}} {
		for _, groups := range []int{1, 2, 3, 6} {
			cases = append(cases, opCase{
				name:   fmt.Sprintf("ChannelShuffle/%v,%d", x, groups),
				inputs: []tensor.Shape{x},
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.ChannelShuffle(in[0], groups)
				},
				naive: func(in []array) array { return naiveShuffle(in[0], groups) },
			})
		}
	}
	return cases
}

// naiveShuffle takes the first channel of each group, then the second of each group, and so on.
func naiveShuffle(x array, groups int) array {
	var order []int
	perGroup := x.shape[1] / groups
	for member := range perGroup {
		for group := range groups {
			order = append(order, group*perGroup+member)
		}
	}
	return channelsOf(x, x.shape[1], func(n, c, h, w int) float64 { return images(x).at(n, order[c], h, w) })
}

func padCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x     tensor.Shape
		sides [4]int
		value float64
	}{
		{tensor.Shape{2, 2, 3, 4}, [4]int{1, 2, 3, 4}, 0},
		{tensor.Shape{2, 2, 3, 4}, [4]int{0, 0, 0, 0}, 5},
		{tensor.Shape{1, 3, 2, 2}, [4]int{0, 1, 0, 1}, -1.5},
		{tensor.Shape{1, 3, 2, 2}, [4]int{2, 0, 0, 0}, 0.5},
		{tensor.Shape{1, 1, 1, 1}, [4]int{3, 3, 3, 3}, 2},
		{tensor.Shape{3, 1, 5, 2}, [4]int{0, 0, 1, 0}, 1},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Pad/%v,%v,%g", c.x, c.sides, c.value),
			inputs: []tensor.Shape{c.x},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Pad(in[0], c.sides[0], c.sides[1], c.sides[2], c.sides[3], c.value)
			},
			naive: func(in []array) array {
				y := newArray(c.x[0], c.x[1], c.x[2]+c.sides[0]+c.sides[1], c.x[3]+c.sides[2]+c.sides[3])
				return y.each(func(n, channel, h, w int) float64 {
					if h, w := h-c.sides[0], w-c.sides[2]; in[0].inside(h, w) {
						return in[0].at(n, channel, h, w)
					}
					return c.value
				})
			},
		})
	}
	return cases
}

func globalPoolCases() []opCase {
	var cases []opCase
	for _, x := range []tensor.Shape{{1, 1, 1, 1}, {2, 3, 4, 5}, {1, 2, 7, 7}, {3, 1, 1, 17}, {2, 2, 6, 1}} {
		whole := ops.Pool{Kernel: ops.Pair{x[2], x[3]}}
		cases = append(cases,
			opCase{
				name:   fmt.Sprintf("GlobalAvgPool/%v", x),
				inputs: []tensor.Shape{x},
				build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.GlobalAvgPool(in[0]) },
				naive: func(in []array) array {
					return naivePool(in[0], whole, func(_ int, plane []float64) float64 {
						return sum(plane) / float64(len(plane))
					})
				},
			},
			opCase{
				name:   fmt.Sprintf("GlobalMaxPool/%v", x),
				inputs: []tensor.Shape{x},
				build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.GlobalMaxPool(in[0]) },
				naive:  func(in []array) array { return naivePool(in[0], whole, largest) },
			})
	}
	return cases
}

// dropRowsCases are random, so TestRowsAreDropped checks their forward pass.
func dropRowsCases() []opCase {
	var cases []opCase
	for _, rate := range []float64{0, 0.25, 0.5, 0.9} {
		for _, x := range []tensor.Shape{{4, 3, 2, 3}, {6, 2, 1, 1}} {
			cases = append(cases,
				opCase{
					name:   fmt.Sprintf("Dropout2D/%v,%g", x, rate),
					inputs: []tensor.Shape{x},
					build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
						return ops.Dropout2D(in[0], rate, &ops.RNG{Seed: 3, Step: 7})
					},
				},
				opCase{
					name:   fmt.Sprintf("StochasticDepth/%v,%g", x, rate),
					inputs: []tensor.Shape{x},
					build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
						return ops.StochasticDepth(in[0], rate, &ops.RNG{Seed: 3, Step: 7})
					},
				})
		}
	}
	return cases
}

// lossCases are the losses whose target has the prediction's shape.
func lossCases() []opCase {
	var cases []opCase
	for _, x := range []tensor.Shape{{1}, {4}, {1, 1}, {5, 3}, {2, 2, 3, 2}} {
		soft := newArray(x...)
		for i := range soft.data {
			soft.data[i] = []float64{0, 1, 0.3, 0.5, 1}[i%5]
		}
		target := normal(rand.New(rand.NewPCG(98, 0)), x)
		cases = append(cases,
			lossCase("BinaryCrossEntropy", ops.BinaryCrossEntropy, soft, func(v, t float64) float64 {
				p := 1 / (1 + math.Exp(-v))
				return -t*math.Log(p) - (1-t)*math.Log(1-p)
			}),
			lossCase("MeanSquaredError", ops.MeanSquaredError, target, func(v, t float64) float64 {
				return (v - t) * (v - t)
			}))
	}
	return cases
}

// lossCase is a loss that is the mean of f over all elements.
func lossCase(name string, build func(x, target *G.Node) (*G.Node, error), target array,
	f func(x, t float64) float64) opCase {
	return opCase{
		name:   fmt.Sprintf("%s/%v", name, target.shape),
		inputs: []tensor.Shape{target.shape},
		build: func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return build(in[0], G.NodeFromAny(g, target.dense(in[0].Dtype()), G.WithName("target")))
		},
		naive: func(in []array) array {
			total := 0.0
			for i, x := range in[0].data {
				total += f(x, target.data[i])
			}
			return array{tensor.ScalarShape(), []float64{total / float64(len(target.data))}}
		},
	}
}

// Scalars can be added, and each gets the sum's gradient.
func TestAddOfScalars(t *testing.T) {
	g := G.NewGraph()
	a, b := G.NewScalar(g, tensor.Float64, G.WithName("a"), G.WithValue(2.0)),
		G.NewScalar(g, tensor.Float64, G.WithName("b"), G.WithValue(3.5))
	y := G.Must(ops.Add(a, b, a))
	grads, err := G.Grad(y, a, b)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	assert.Equal(t, 7.5, y.Value().Data())
	assert.Equal(t, 2.0, grads[0].Value().Data())
	assert.Equal(t, 1.0, grads[1].Value().Data())
}

// A sum runs from left to right: each of these roundings shows the order.
func TestAddRunsFromLeftToRight(t *testing.T) {
	var in []array
	for _, v := range []float64{1, 1e16, -1e16, 3} {
		in = append(in, array{tensor.Shape{1}, []float64{v}})
	}
	c := opCase{build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Add(in...) }}
	assert.Equal(t, []float64{3}, c.run(t, in, tensor.Float64).data)
	in[0], in[2] = in[2], in[0]
	assert.Equal(t, []float64{4}, c.run(t, in, tensor.Float64).data)
}

// Of equal values the first one gets the gradient.
func TestGlobalMaxPoolOfTies(t *testing.T) {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 2, 2}, 1, 3, 3, 2, 0, 0, 0, 0)
	grads, err := G.Grad(G.Must(G.Sum(G.Must(ops.GlobalMaxPool(x)))), x)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	assert.Equal(t, []float64{0, 1, 0, 0, 1, 0, 0, 0}, grads[0].Value().Data())
}

// A row is divided by 1-rate, or 0 as a whole with probability rate. Which rows are 0 depends on
// the step and the seed.
func TestRowsAreDropped(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 0)), tensor.Shape{500, 8, 2, 3})
	for _, op := range []struct {
		name   string
		length int // of a row
		build  func(*G.Node, float64, *ops.RNG) (*G.Node, error)
	}{{"Dropout2D", 6, ops.Dropout2D}, {"StochasticDepth", 48, ops.StochasticDepth}} {
		for _, rate := range []float64{0, 0.3, 0.5} {
			drop := func(rng ops.RNG) []float64 {
				c := opCase{build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return op.build(in[0], rate, &rng)
				}}
				return c.run(t, []array{x}, tensor.Float64).data
			}
			y := drop(ops.RNG{Seed: 1, Step: 1})
			rows, dropped := len(y)/op.length, 0
			for r := range rows {
				factor := 1 / (1 - rate)
				if y[r*op.length] == 0 {
					dropped++
					factor = 0
				}
				for i := r * op.length; i < (r+1)*op.length; i++ {
					require.InDelta(t, x.data[i]*factor, y[i], 1e-14, "%s, row %d", op.name, r)
				}
			}
			// Five standard deviations of a binomial distribution.
			assert.InDelta(t, rate, float64(dropped)/float64(rows), 5*math.Sqrt(rate*(1-rate)/float64(rows)), op.name)
			assert.Equal(t, y, drop(ops.RNG{Seed: 1, Step: 1}), op.name)
			if rate > 0 {
				assert.NotEqual(t, y, drop(ops.RNG{Seed: 1, Step: 2}), op.name)
				assert.NotEqual(t, y, drop(ops.RNG{Seed: 2, Step: 1}), op.name)
			}
		}
	}
}

// The first rows of a batch have the masks of a smaller batch: a mask depends on the row's index
// alone.
func TestDroppedRowsDependOnTheirIndex(t *testing.T) {
	for _, build := range []func(*G.Node, float64, *ops.RNG) (*G.Node, error){ops.Dropout2D, ops.StochasticDepth} {
		drop := func(n int) []float64 {
			c := opCase{build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return build(in[0], 0.5, &ops.RNG{Seed: 5})
			}}
			x := newArray(n, 4, 1, 2).apply(func(float64) float64 { return 1 })
			return c.run(t, []array{x}, tensor.Float32).data
		}
		small, large := drop(7), drop(30)
		assert.Equal(t, small, large[:len(small)])
	}
}

// An invalid target is an error of the run that names the row.
func TestLossesRefuseTargets(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		build  func(x, target *G.Node) (*G.Node, error)
		target []float64
		want   string
	}{
		{ops.BinaryCrossEntropy, []float64{0, 1, 0.5, 1.01},
			"BinaryCrossEntropy: target of row 1 at index 1: got 1.01, want 0 to 1"},
		{ops.BinaryCrossEntropy, []float64{-0.1, 0, 0, 0},
			"BinaryCrossEntropy: target of row 0 at index 0: got -0.1, want 0 to 1"},
		{ops.BinaryCrossEntropy, []float64{0, 0, nan, 0},
			"BinaryCrossEntropy: target of row 1 at index 0: got NaN, want 0 to 1"},
		{ops.MeanSquaredError, []float64{0, nan, 0, 0},
			"MeanSquaredError: target of row 0 at index 1: got NaN, want a finite number"},
		{ops.MeanSquaredError, []float64{0, 0, inf, 0},
			"MeanSquaredError: target of row 1 at index 0: got +Inf, want a finite number"},
		{ops.WeightedCrossEntropy, []float64{1, 0, -0.5, 3},
			"WeightedCrossEntropy: target of row 1 for class 0: got -0.5, want a finite number of at least 0"},
		{ops.WeightedCrossEntropy, []float64{1, nan, 0, 3},
			"WeightedCrossEntropy: target of row 0 for class 1: got NaN, want a finite number of at least 0"},
		{ops.WeightedCrossEntropy, []float64{1, 0, 0, inf},
			"WeightedCrossEntropy: target of row 1 for class 1: got +Inf, want a finite number of at least 0"},
		{ops.SoftmaxCrossEntropy, []float64{1, 0, 0.5, 0.4},
			"SoftmaxCrossEntropy: target of row 1: got a sum of 0.9, want 1"},
		{ops.SoftmaxCrossEntropy, []float64{0, 0, 0, 1},
			"SoftmaxCrossEntropy: target of row 0: got a sum of 0, want 1"},
		{ops.SoftmaxCrossEntropy, []float64{1, 0.002, 0, 1},
			"SoftmaxCrossEntropy: target of row 0: got a sum of 1.002, want 1"},
		{ops.SoftmaxCrossEntropy, []float64{1, 0, 1.5, -0.5},
			"SoftmaxCrossEntropy: target of row 1 for class 1: got -0.5, want a finite number of at least 0"},
		{ops.SoftmaxCrossEntropy, []float64{nan, 0, 0, 1},
			"SoftmaxCrossEntropy: target of row 0 for class 0: got NaN, want a finite number of at least 0"},
		{ops.SoftmaxCrossEntropy, []float64{1, 0, 0, inf},
			"SoftmaxCrossEntropy: target of row 1 for class 1: got +Inf, want a finite number of at least 0"},
	} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			g := G.NewGraph()
			x := G.NodeFromAny(g, newArray(2, 2).dense(dt), G.WithName("x"))
			target := G.NodeFromAny(g, array{tensor.Shape{2, 2}, c.target}.dense(dt), G.WithName("target"))
			_, err := G.Must(c.build(x, target)).Op().Do(x.Value(), target.Value())
			assert.EqualError(t, err, c.want)
		}
	}
}

// A distribution with rounding errors is valid.
func TestCrossEntropyTakesRoundedDistributions(t *testing.T) {
	const classes = 1000
	target := newArray(1, classes).apply(func(float64) float64 { return 1.0 / classes })
	target.data[3] += 0.0009
	c := opCase{build: func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		return ops.SoftmaxCrossEntropy(in[0], in[1])
	}}
	loss := c.run(t, []array{newArray(1, classes), target}, tensor.Float32).data[0]
	assert.InDelta(t, 1.0009*math.Log(classes), loss, 1e-5)
}

// Invalid inputs are errors that name the op, got and want.
func TestJoinsRefuse(t *testing.T) {
	g := G.NewGraph()
	f32 := func(shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName("n"))
	}
	x, b, scalar := f32(2, 4, 5, 5), f32(6), G.NewScalar(g, tensor.Float32, G.WithName("s"))
	rng := &ops.RNG{}
	for want, build := range map[string]func() (*G.Node, error){
		"Add: got 0 inputs, want at least 2": func() (*G.Node, error) {
			return ops.Add()
		},
		"Add: got 1 inputs, want at least 2": func() (*G.Node, error) {
			return ops.Add(x)
		},
		"Add: input 2: got nil, want a node": func() (*G.Node, error) {
			return ops.Add(x, x, nil)
		},
		"Add: input 1: got shape (5, 1), want (5) like input 0": func() (*G.Node, error) {
			return ops.Add(f32(5), f32(5, 1))
		},
		"Add: input 2: got shape (2, 4, 5, 6), want (2, 4, 5, 5) like input 0": func() (*G.Node, error) {
			return ops.Add(x, x, f32(2, 4, 5, 6))
		},
		"Add: input 1: got shape (), want (6) like input 0": func() (*G.Node, error) {
			return ops.Add(b, scalar)
		},
		"Multiply: input 1: got nil, want a node": func() (*G.Node, error) {
			return ops.Multiply(x, nil)
		},
		"Multiply: gate: got shape (3) for input (2, 3), want one shape, " +
			"or an input (N, C, H, W)": func() (*G.Node, error) {
			return ops.Multiply(f32(2, 3), f32(3))
		},
		"Multiply: gate: got shape (2, 5), want (2, 4, 5, 5) like the input, " +
			"or (2, 4) or (2, 4, 1, 1)": func() (*G.Node, error) {
			return ops.Multiply(x, f32(2, 5))
		},
		"Multiply: gate: got shape (1, 4, 1, 1), want (2, 4, 5, 5)": func() (*G.Node, error) {
			return ops.Multiply(x, f32(1, 4, 1, 1))
		},
		"Multiply: gate: got shape (4), want (2, 4, 5, 5)": func() (*G.Node, error) {
			return ops.Multiply(x, f32(4))
		},
		"Multiply: gate: got shape (0, 4) for input (0, 4, 5, 5)": func() (*G.Node, error) {
			return ops.Multiply(f32(0, 4, 5, 5), f32(0, 4))
		},
		"Concat: got 1 inputs, want at least 2": func() (*G.Node, error) {
			return ops.Concat(x)
		},
		"Concat: input 1: got shape (2, 4, 5), want (N, C, H, W) or (N, C)": func() (*G.Node, error) {
			return ops.Concat(x, f32(2, 4, 5))
		},
		"Concat: input 1: got shape (2, 0, 5, 5)": func() (*G.Node, error) {
			return ops.Concat(x, f32(2, 0, 5, 5))
		},
		"Concat: input 1: got shape (2, 4, 5, 6), want (2, 4, 5, 5) like input 0, " +
			"but for the channels": func() (*G.Node, error) {
			return ops.Concat(x, f32(2, 4, 5, 6))
		},
		"Concat: input 1: got shape (3, 4, 5, 5), want (2, 4, 5, 5) like input 0, " +
			"but for the channels": func() (*G.Node, error) {
			return ops.Concat(x, f32(3, 4, 5, 5))
		},
		"Concat: input 1: got shape (2, 4), want (2, 4, 5, 5) like input 0": func() (*G.Node, error) {
			return ops.Concat(x, f32(2, 4))
		},
		"Concat: input 1 has shape (1, 9223372036854775807): " +
			"the channels of all inputs overflow int": func() (*G.Node, error) {
			return ops.Concat(f32(1, 5), f32(1, math.MaxInt))
		},
		"Concat: the result would have shape (1, 2000000000000000000)": func() (*G.Node, error) {
			return ops.Concat(f32(1, 1e18), f32(1, 1e18))
		},
		"Slice: channels: got -1 to 2 of input (2, 4, 5, 5), want 0 <= from < to <= 4": func() (*G.Node, error) {
			return ops.Slice(x, -1, 2)
		},
		"Slice: channels: got 2 to 5 of input": func() (*G.Node, error) {
			return ops.Slice(x, 2, 5)
		},
		"Slice: channels: got 2 to 2 of input": func() (*G.Node, error) {
			return ops.Slice(x, 2, 2)
		},
		"Slice: input: got shape (6)": func() (*G.Node, error) {
			return ops.Slice(b, 0, 1)
		},
		"ChannelShuffle: groups: got 3, want a divisor of the 4 channels " +
			"of input (2, 4, 5, 5)": func() (*G.Node, error) {
			return ops.ChannelShuffle(x, 3)
		},
		"ChannelShuffle: groups: got 0": func() (*G.Node, error) {
			return ops.ChannelShuffle(x, 0)
		},
		"ChannelShuffle: input: got shape ()": func() (*G.Node, error) {
			return ops.ChannelShuffle(scalar, 1)
		},
		"Pad: border: got top 0, bottom -1, left 0, right 0, value 0, " +
			"want sizes of at least 0": func() (*G.Node, error) {
			return ops.Pad(x, 0, -1, 0, 0, 0)
		},
		"Pad: top 0, bottom 0, left 9223372036854775807, right 9223372036854775807, value 0 around (2, 4, 5, 5): " +
			"sizes overflow int": func() (*G.Node, error) {
			return ops.Pad(x, 0, 0, math.MaxInt, math.MaxInt, 0)
		},
		"Pad: the result would have shape (2, 4, 1099511627781, 1099511627781)": func() (*G.Node, error) {
			return ops.Pad(x, 1<<40, 0, 0, 1<<40, 0)
		},
		"Pad: value: got NaN, want a number in the range of float32": func() (*G.Node, error) {
			return ops.Pad(x, 1, 0, 0, 0, math.NaN())
		},
		"Pad: value: got 1e+300, want a number in the range of float32": func() (*G.Node, error) {
			return ops.Pad(x, 1, 0, 0, 0, 1e300)
		},
		"Pad: input: got shape (2, 3)": func() (*G.Node, error) {
			return ops.Pad(f32(2, 3), 1, 0, 0, 0, 0)
		},
		"GlobalAvgPool: input: got shape (2, 3), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.GlobalAvgPool(f32(2, 3))
		},
		"GlobalMaxPool: input: got shape (2, 3, 0, 4), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.GlobalMaxPool(f32(2, 3, 0, 4))
		},
		"Dropout2D: rng: got nil": func() (*G.Node, error) {
			return ops.Dropout2D(x, 0.5, nil)
		},
		"Dropout2D: rate: got 1, want at least 0 and less than 1": func() (*G.Node, error) {
			return ops.Dropout2D(x, 1, rng)
		},
		"Dropout2D: input: got shape (2, 3), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.Dropout2D(f32(2, 3), 0.5, rng)
		},
		"StochasticDepth: rng: got nil": func() (*G.Node, error) {
			return ops.StochasticDepth(x, 0.5, nil)
		},
		"StochasticDepth: rate: got -0.5": func() (*G.Node, error) {
			return ops.StochasticDepth(x, -0.5, rng)
		},
		"StochasticDepth: input: got shape (0, 3), want a batch": func() (*G.Node, error) {
			return ops.StochasticDepth(f32(0, 3), 0.5, rng)
		},
		"StochasticDepth: input: got shape (), want a batch": func() (*G.Node, error) {
			return ops.StochasticDepth(scalar, 0.5, rng)
		},
		"BinaryCrossEntropy: logits: got shape (), want (N, …)": func() (*G.Node, error) {
			return ops.BinaryCrossEntropy(scalar, scalar)
		},
		"BinaryCrossEntropy: target: got shape (3), want (3, 4) like the logits": func() (*G.Node, error) {
			return ops.BinaryCrossEntropy(f32(3, 4), f32(3))
		},
		"BinaryCrossEntropy: input 1: got nil, want a node": func() (*G.Node, error) {
			return ops.BinaryCrossEntropy(f32(3, 4), nil)
		},
		"MeanSquaredError: predictions: got shape (0, 4), want (N, …)": func() (*G.Node, error) {
			return ops.MeanSquaredError(f32(0, 4), f32(0, 4))
		},
		"MeanSquaredError: target: got shape (4), want (4, 1) like the predictions": func() (*G.Node, error) {
			return ops.MeanSquaredError(f32(4, 1), f32(4))
		},
	} {
		n, err := build()
		assert.Nil(t, n, want)
		assert.ErrorContains(t, err, want)
	}
}

// After the first run, an op and its gradient allocate nothing.
func TestJoinsAllocateNothing(t *testing.T) {
	for _, cases := range [][]opCase{joinCases(), dropRowsCases(), lossCases()} {
		for _, c := range cases {
			for _, n := range c.differentiated(t, tensor.Float32) {
				if _, ours := ops.AliasingOf(n.Op()); !ours {
					continue
				}
				var operands []G.Value
				from := n.Graph().From(n.ID())
				for from.Next() {
					operands = append(operands, from.Node().(*G.Node).Value())
				}
				assert.Zero(t, testing.AllocsPerRun(5, func() {
					if _, err := n.Op().Do(operands...); err != nil {
						panic(err)
					}
				}), "%s: %v", c.name, n.Op())
			}
		}
	}
}
