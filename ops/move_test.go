package ops_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// moveCases are the ops that move, repeat or interpolate elements.
func moveCases() []opCase {
	return append(rearrangeCases(), append(takeCases(), resampleCases()...)...)
}

func rearrangeCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x           tensor.Shape
		dims, order []int
		shape       tensor.Shape
	}{
		{tensor.Shape{2, 3, 2, 4}, []int{3, 2, 4}, []int{1, 2, 0}, tensor.Shape{2, 4, 3}},
		{tensor.Shape{2, 3, 2, 4}, []int{3, 2, 4}, []int{2, 0, 1}, tensor.Shape{4, 3, 2}},
		{tensor.Shape{1, 6, 2, 2}, []int{2, 3, 4}, []int{1, 0, 2}, tensor.Shape{6, 2, 2}},
		{tensor.Shape{2, 8, 1, 3}, []int{2, 2, 2, 1, 3}, []int{2, 3, 0, 4, 1}, tensor.Shape{2, 2, 6}},
		{tensor.Shape{3, 4}, []int{2, 2}, []int{1, 0}, tensor.Shape{4}},
		{tensor.Shape{2, 3, 2, 4}, []int{24}, []int{0}, tensor.Shape{6, 2, 2}},
		{tensor.Shape{1, 1}, []int{1, 1}, []int{1, 0}, tensor.Shape{1}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Rearrange/%v as %v in order %v", c.x, c.dims, c.order),
			inputs: []tensor.Shape{c.x},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Rearrange(in[0], c.dims, c.order, c.shape)
			},
			naive: func(in []array) array { return naiveRearrange(in[0], c.dims, c.order, c.shape) },
		})
	}
	return cases
}

// naiveRearrange goes through the indices of the source, axis by axis.
func naiveRearrange(x array, dims, order []int, shape tensor.Shape) array {
	y := newArray(append(tensor.Shape{x.shape[0]}, shape...)...)
	sample := tensor.Shape(dims).TotalSize()
	place := make([]int, len(dims))
	for i, v := range x.data {
		rest := i % sample
		for axis := len(dims) - 1; axis >= 0; axis-- {
			place[axis] = rest % dims[axis]
			rest /= dims[axis]
		}
		to := 0
		for _, axis := range order {
			to = to*dims[axis] + place[axis]
		}
		y.data[i/sample*sample+to] = v
	}
	return y
}

func takeCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x       tensor.Shape
		axis    int
		indices []int
	}{
		{tensor.Shape{2, 4, 2, 3}, 1, []int{3, 0, 2}},
		{tensor.Shape{2, 4, 2, 3}, 2, []int{1, 1, 0, 1}},
		{tensor.Shape{2, 4, 2, 3}, 3, []int{2, 1, 0}},
		{tensor.Shape{3, 5}, 1, []int{4}},
		{tensor.Shape{1, 1, 1, 1}, 2, []int{0, 0}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Take/%v,%d:%v", c.x, c.axis, c.indices),
			inputs: []tensor.Shape{c.x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Take(in[0], c.axis, c.indices) },
			naive: func(in []array) array {
				shape := c.x.Clone()
				shape[c.axis] = len(c.indices)
				y := newArray(shape...)
				inner := tensor.Shape(c.x[c.axis+1:]).TotalSize()
				for i := range y.data {
					outer, k, rest := i/(inner*len(c.indices)), i/inner%len(c.indices), i%inner
					y.data[i] = in[0].data[(outer*c.x[c.axis]+c.indices[k])*inner+rest]
				}
				return y
			},
		})
	}
	return cases
}

func resampleCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x             tensor.Shape
		rows, columns [][]ops.Tap
	}{
		{tensor.Shape{2, 2, 2, 3}, [][]ops.Tap{{{Index: 0, Weight: 1}},
			{{Index: 0, Weight: 0.5}, {Index: 1, Weight: 0.5}}, {{Index: 1, Weight: 1}}},
			[][]ops.Tap{{{Index: 2, Weight: -1}, {Index: 0, Weight: 0.25}}}},
		{tensor.Shape{1, 1, 3, 1}, [][]ops.Tap{{{Index: 2, Weight: 2}}, nil},
			[][]ops.Tap{{{Index: 0, Weight: 1}}, {{Index: 0, Weight: 3}}}},
		{tensor.Shape{1, 1, 1, 1}, [][]ops.Tap{{{Index: 0, Weight: 1}}}, [][]ops.Tap{{{Index: 0, Weight: 1}}}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Resample/%v to %dx%d", c.x, len(c.rows), len(c.columns)),
			inputs: []tensor.Shape{c.x},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Resample(in[0], c.rows, c.columns)
			},
			naive: func(in []array) array {
				return newArray(c.x[0], c.x[1], len(c.rows),
					len(c.columns)).each(func(n, channel, h, w int) (sum float64) {
					for _, r := range c.rows[h] {
						for _, k := range c.columns[w] {
							sum += r.Weight * k.Weight * in[0].at(n, channel, r.Index, k.Index)
						}
					}
					return sum
				})
			},
		})
	}
	return cases
}

// arithmeticCases are ops of two values, or of a value and broadcast factors and terms.
func arithmeticCases() []opCase {
	var cases []opCase
	for name, op := range map[string]struct {
		build func(a, b *G.Node) (*G.Node, error)
		naive func(a, b float64) float64
	}{
		"Subtract": {ops.Subtract, func(a, b float64) float64 { return a - b }},
		"Maximum":  {ops.Maximum, math.Max},
		"Minimum":  {ops.Minimum, math.Min},
	} {
		for _, x := range []tensor.Shape{{5}, {3, 7}, {2, 3, 2, 5}} {
			cases = append(cases, opCase{
				name:   fmt.Sprintf("%s/%v", name, x),
				inputs: []tensor.Shape{x, x},
				kinked: name != "Subtract",
				build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return op.build(in[0], in[1]) },
				naive: func(in []array) array {
					y := newArray(x...)
					for i := range y.data {
						y.data[i] = op.naive(in[0].data[i], in[1].data[i])
					}
					return y
				},
			})
		}
	}
	for _, c := range []struct{ x, shape tensor.Shape }{
		{tensor.Shape{2, 3, 2, 4}, tensor.Shape{3, 1, 1}},
		{tensor.Shape{2, 3, 2, 4}, tensor.Shape{3, 2, 4}},
		{tensor.Shape{2, 3, 2, 4}, tensor.Shape{1, 2, 1}},
		{tensor.Shape{2, 3, 2, 4}, tensor.Shape{3, 1, 4}},
		{tensor.Shape{2, 3, 2, 4}, tensor.Shape{1, 1, 1}},
		{tensor.Shape{3, 5}, tensor.Shape{5}},
		{tensor.Shape{1, 1}, tensor.Shape{1}},
	} {
		cases = append(cases, scaleShiftCases(c.x, c.shape)...)
	}
	return cases
}

func scaleShiftCases(x, shape tensor.Shape) []opCase {
	at := func(i int) (index int) {
		stride := 1
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if shape[axis] > 1 {
				index += i % x[1+axis] * stride
				stride *= shape[axis]
			}
			i /= x[1+axis]
		}
		return index
	}
	each := func(in array, f func(x float64, i int) float64) array {
		y := newArray(x...)
		for i, v := range in.data {
			y.data[i] = f(v, at(i))
		}
		return y
	}
	name := func(op string) string { return fmt.Sprintf("%s/%v by %v", op, x, shape) }
	return []opCase{
		{
			name: name("ScaleShift"), inputs: []tensor.Shape{x, shape, shape},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.ScaleShift(in[0], in[1], in[2]) },
			naive: func(in []array) array {
				return each(in[0], func(x float64, i int) float64 { return x*in[1].data[i] + in[2].data[i] })
			},
		},
		{
			name: name("Scale"), inputs: []tensor.Shape{x, shape},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.ScaleShift(in[0], in[1], nil) },
			naive: func(in []array) array {
				return each(in[0], func(x float64, i int) float64 { return x * in[1].data[i] })
			},
		},
		{
			name: name("Shift"), inputs: []tensor.Shape{x, shape},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.ScaleShift(in[0], nil, in[1]) },
			naive: func(in []array) array {
				return each(in[0], func(x float64, i int) float64 { return x + in[1].data[i] })
			},
		},
	}
}

func channelLogSoftmaxCase(x tensor.Shape) opCase {
	return opCase{
		name:   fmt.Sprintf("LogSoftmax/%v", x),
		inputs: []tensor.Shape{x},
		build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.LogSoftmax(in[0]) },
		naive: func(in []array) array {
			return newArray(x...).each(func(n, c, h, w int) float64 {
				var sum float64
				for k := range x[1] {
					sum += math.Exp(in[0].at(n, k, h, w))
				}
				return in[0].at(n, c, h, w) - math.Log(sum)
			})
		},
	}
}

// Near a denominator of 0, differences can't measure the gradient, so denominators stay away from
// it.
func TestDivide(t *testing.T) {
	g := G.NewGraph()
	a, b := node(g, "a", tensor.Shape{2, 2}, 1, -6, 0, 5), node(g, "b", tensor.Shape{2, 2}, 2, 3, -4, -0.5)
	y, err := ops.Divide(a, b)
	assert.NoError(t, err)
	grads, err := G.Grad(G.Must(G.Sum(y)), a, b)
	assert.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	assert.NoError(t, machine.RunAll())
	assert.Equal(t, []float64{0.5, -2, 0, -10}, y.Value().Data())
	assert.InDeltaSlice(t, []float64{0.5, 1. / 3, -0.25, -2}, grads[0].Value().Data(), 1e-15)
	assert.InDeltaSlice(t, []float64{-0.25, 2. / 3, 0, -20}, grads[1].Value().Data(), 1e-15)
}

func TestEqualsShareAGradient(t *testing.T) {
	for _, op := range []func(a, b *G.Node) (*G.Node, error){ops.Maximum, ops.Minimum} {
		g := G.NewGraph()
		a, b := node(g, "a", tensor.Shape{1}, 3), node(g, "b", tensor.Shape{1}, 3)
		y, err := op(a, b)
		assert.NoError(t, err)
		grads, err := G.Grad(G.Must(G.Sum(y)), a, b)
		assert.NoError(t, err)
		machine := G.NewTapeMachine(g)
		assert.NoError(t, machine.RunAll())
		assert.NoError(t, machine.Close())
		assert.Equal(t, []float64{0.5}, grads[0].Value().Data())
		assert.Equal(t, []float64{0.5}, grads[1].Value().Data())
	}
}

func TestMovesRefuse(t *testing.T) {
	g := G.NewGraph()
	f32 := func(shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName("n"))
	}
	x, tap := f32(2, 3, 2, 4), []ops.Tap{{Index: 0, Weight: 1}}
	for want, build := range map[string]func() (*G.Node, error){
		"Rearrange: sizes: got [3 2], then (6) for the samples of (2, 3, 2, 4), " +
			"want 24 numbers": func() (*G.Node, error) {
			return ops.Rearrange(x, []int{3, 2}, []int{0, 1}, tensor.Shape{6})
		},
		"Rearrange: order: got [0 0] for 2 axes, want each axis once": func() (*G.Node, error) {
			return ops.Rearrange(x, []int{3, 8}, []int{0, 0}, tensor.Shape{24})
		},
		"Rearrange: order: got [0] for 2 axes, want each axis once": func() (*G.Node, error) {
			return ops.Rearrange(x, []int{3, 8}, []int{0}, tensor.Shape{24})
		},
		"Rearrange: input: got shape (3), want (N, …)": func() (*G.Node, error) {
			return ops.Rearrange(f32(3), []int{1}, []int{0}, tensor.Shape{1})
		},
		"Take: index on axis 1 of (2, 3, 2, 4): got 3, want 0 to 2": func() (*G.Node, error) {
			return ops.Take(x, 1, []int{3})
		},
		"Take: axis: got 4 with 1 indices for input (2, 3, 2, 4)": func() (*G.Node, error) {
			return ops.Take(x, 4, []int{0})
		},
		"Take: axis: got 1 with 0 indices for input (2, 3, 2, 4)": func() (*G.Node, error) {
			return ops.Take(x, 1, nil)
		},
		"Resample: row 0: got row 2 of the input, want 0 to 1": func() (*G.Node, error) {
			return ops.Resample(x, [][]ops.Tap{{{Index: 2}}}, [][]ops.Tap{tap})
		},
		"Resample: columns of the result: got none, want at least one": func() (*G.Node, error) {
			return ops.Resample(x, [][]ops.Tap{tap}, nil)
		},
		"Resample: column 0: got a weight of NaN, want a finite number": func() (*G.Node, error) {
			return ops.Resample(x, [][]ops.Tap{tap}, [][]ops.Tap{{{Weight: math.NaN()}}})
		},
		"ScaleShift: got neither factors nor terms": func() (*G.Node, error) {
			return ops.ScaleShift(x, nil, nil)
		},
		"Scale: factors and terms: got shape (2, 1, 1), want (3, 2, 4)": func() (*G.Node, error) {
			return ops.ScaleShift(x, f32(2, 1, 1), nil)
		},
		"Shift: factors and terms: got shapes (3) and (3), want one shape of 3": func() (*G.Node, error) {
			return ops.ScaleShift(x, nil, f32(3))
		},
		"Subtract: inputs: got shapes (2, 3, 2, 4) and (3)": func() (*G.Node, error) {
			return ops.Subtract(x, f32(3))
		},
	} {
		var n *G.Node
		var err error
		assert.NotPanics(t, func() { n, err = build() }, want)
		assert.Nil(t, n, want)
		assert.ErrorContains(t, err, want)
	}
}

func ExampleRearrange() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 3}, 1, 2, 3, 4, 5, 6)
	show(G.Must(ops.Rearrange(x, []int{2, 1, 3}, []int{1, 2, 0}, tensor.Shape{1, 3, 2})), x) // the channels last
	// Output:
	// y (1, 1, 3, 2): [1 4 2 5 3 6]
	// dx: [1 1 1 1 1 1]
}

func ExampleTake() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 1, 3}, 1, 2, 3)
	show(G.Must(ops.Take(x, 3, []int{2, 1, 0, 1})), x) // the columns in this order
	// Output:
	// y (1, 1, 1, 4): [3 2 1 2]
	// dx: [1 2 1]
}

func ExampleResample() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 1, 2}, 2, 6)
	row := [][]ops.Tap{{{Index: 0, Weight: 1}}}
	columns := [][]ops.Tap{{{Index: 0, Weight: 1}}, {{Index: 0, Weight: 0.5}, {Index: 1, Weight: 0.5}},
		{{Index: 1, Weight: 1}}}
	show(G.Must(ops.Resample(x, row, columns)), x)
	// Output:
	// y (1, 1, 1, 3): [2 4 6]
	// dx: [1.5 1.5]
}

func ExampleScaleShift() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, 1, 2, 3, 4)
	w, b := node(g, "w", tensor.Shape{2, 1, 1}, 10, 100), node(g, "b", tensor.Shape{2, 1, 1}, 1, 2)
	show(G.Must(ops.ScaleShift(x, w, b)), x, w, b)
	// Output:
	// y (1, 2, 1, 2): [11 21 302 402]
	// dx: [10 10 100 100]
	// dw: [3 7]
	// db: [2 2]
}

func ExampleSubtract() {
	g := G.NewGraph()
	a, b := node(g, "a", tensor.Shape{1, 2}, 5, 1), node(g, "b", tensor.Shape{1, 2}, 2, 4)
	show(G.Must(ops.Subtract(a, b)), a, b)
	// Output:
	// y (1, 2): [3 -3]
	// da: [1 1]
	// db: [-1 -1]
}

func ExampleDivide() {
	g := G.NewGraph()
	a, b := node(g, "a", tensor.Shape{1, 2}, 6, 1), node(g, "b", tensor.Shape{1, 2}, 2, 4)
	show(G.Must(ops.Divide(a, b)), a, b)
	// Output:
	// y (1, 2): [3 0.25]
	// da: [0.5 0.25]
	// db: [-1.5 -0.0625]
}

func ExampleMaximum() {
	g := G.NewGraph()
	a, b := node(g, "a", tensor.Shape{1, 2}, 5, 1), node(g, "b", tensor.Shape{1, 2}, 2, 4)
	show(G.Must(ops.Maximum(a, b)), a, b)
	// Output:
	// y (1, 2): [5 4]
	// da: [1 0]
	// db: [0 1]
}

func ExampleMinimum() {
	g := G.NewGraph()
	a, b := node(g, "a", tensor.Shape{1, 2}, 5, 1), node(g, "b", tensor.Shape{1, 2}, 2, 4)
	show(G.Must(ops.Minimum(a, b)), a, b)
	// Output:
	// y (1, 2): [2 1]
	// da: [0 1]
	// db: [1 0]
}
