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
	"pgregory.net/rapid"

	"convgraph/ops"
	"convgraph/ops/gradcheck"
)

// Every op computes its definition.
func TestForward(t *testing.T) {
	for _, c := range allCases() {
		if c.naive == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			in := c.random()
			want := c.naive(in)
			for dt, tolerance := range map[tensor.Dtype]float64{tensor.Float64: 1e-13, tensor.Float32: 1e-5} {
				got := c.run(t, in, dt)
				require.Equal(t, want.shape, got.shape)
				for i, w := range want.data {
					require.InDelta(t, w, got.data[i], tolerance*math.Max(1, math.Abs(w)), "%v, element %d", dt, i)
				}
			}
		})
	}
}

// Every op's gradients agree with central differences at every element of every input.
func TestGradients(t *testing.T) {
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			for _, dt := range []tensor.Dtype{tensor.Float64, tensor.Float32} {
				if c.kinked && dt == tensor.Float32 {
					continue
				}
				gradcheck.Test(t, c.named(dt), c.build, gradcheck.Options{})
			}
		})
	}
}

// Random geometries.
func TestGradientsOfAnyConvolution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := func(label string, from, to int) int { return rapid.IntRange(from, to).Draw(t, label) }
		pair := func(label string, from, to int) ops.Pair {
			return ops.Pair{small(label+" h", from, to), small(label+" w", from, to)}
		}
		conv := ops.Conv{
			Stride: pair("stride", 1, 3), Pad: pair("pad", 0, 2), PadBegin: pair("begin", 0, 2),
			PadEnd: pair("end", 0, 2), Dilation: pair("dilation", 1, 3), Groups: small("groups", 1, 3),
		}
		kernel, size := pair("kernel", 1, 4), pair("size", 1, 9)
		for axis := range size {
			size[axis] = max(size[axis],
				conv.Dilation[axis]*(kernel[axis]-1)+1-2*conv.Pad[axis]-conv.PadBegin[axis]-conv.PadEnd[axis])
		}
		perGroup, filters := small("channels", 1, 2), small("filters", 1, 2)
		c := opCase{
			inputs: []tensor.Shape{
				{small("batch", 1, 2), perGroup * conv.Groups, size[0], size[1]},
				{filters * conv.Groups, perGroup, kernel[0], kernel[1]}, {filters * conv.Groups},
			},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Conv2D(in[0], in[1], third(in), conv)
			},
		}
		if rapid.Bool().Draw(t, "without bias") {
			c = c.withoutBias()
		}
		c.requireGradients(t)
	})
}

func TestGradientsOfAnyPooling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := func(label string, from, to int) int { return rapid.IntRange(from, to).Draw(t, label) }
		var pool ops.Pool
		var size ops.Pair
		for axis, name := range []string{" h", " w"} {
			pool.Kernel[axis] = small("kernel"+name, 1, 4)
			pool.Stride[axis] = small("stride"+name, 1, 5)
			pool.Pad[axis] = small("pad"+name, 0, pool.Kernel[axis]-1)
			size[axis] = max(small("size"+name, 1, 9), pool.Kernel[axis]-2*pool.Pad[axis])
		}
		plain := pool
		for axis, name := range []string{" h", " w"} {
			pool.Dilation[axis] = small("dilation"+name, 1, min(size[axis], 3))
			most := pool.Dilation[axis]*(pool.Kernel[axis]-1) - pool.Pad[axis] // so that each window sees the input
			pool.PadBegin[axis], pool.PadEnd[axis] = small("begin"+name, 0, most), small("end"+name, 0, most)
			extent := pool.Dilation[axis]*(pool.Kernel[axis]-1) + 1
			size[axis] = max(size[axis], extent-2*pool.Pad[axis]-pool.PadBegin[axis]-pool.PadEnd[axis])
		}
		pool.Ceil, pool.ExcludePad = rapid.Bool().Draw(t, "ceil"), rapid.Bool().Draw(t, "exclude pad")
		channels := small("channels", 1, 3)
		x := tensor.Shape{small("batch", 1, 2), channels, size[0], size[1]}
		for _, c := range []opCase{
			{inputs: []tensor.Shape{x}, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.MaxPool2D(in[0], pool)
			}},
			{inputs: []tensor.Shape{x}, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.AvgPool2D(in[0], pool)
			}},
			{inputs: []tensor.Shape{x, {channels}, {channels}},
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.Subsample2D(in[0], in[1], in[2], plain)
				}},
		} {
			c.requireGradients(t)
		}
	})
}

// requireGradients checks gradients along a direction, which is cheap.
func (c opCase) requireGradients(t require.TestingT) {
	r, err := gradcheck.Check(c.named(tensor.Float64), c.build, gradcheck.Options{Directions: 1, Samples: 1})
	require.NoError(t, err)
	require.NoError(t, r.Err())
}

// A value is divided by 1-rate, or 0 with probability rate. The mask depends on the step and the
// seed alone.
func TestDropoutForward(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 0)), tensor.Shape{20, 500})
	for _, rate := range []float64{0, 0.3, 0.5} {
		drop := func(rng ops.RNG) []float64 {
			c := opCase{build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Dropout(in[0], rate, &rng)
			}}
			return c.run(t, []array{x}, tensor.Float64).data
		}
		y := drop(ops.RNG{Seed: 1, Step: 1})
		dropped := 0
		for i, v := range y {
			if v == 0 {
				dropped++
				continue
			}
			require.InEpsilon(t, x.data[i]/(1-rate), v, 1e-15)
		}
		// Five standard deviations of a binomial distribution.
		n := float64(len(y))
		assert.InDelta(t, rate, float64(dropped)/n, 5*math.Sqrt(rate*(1-rate)/n))
		assert.Equal(t, y, drop(ops.RNG{Seed: 1, Step: 1}))
		if rate > 0 {
			assert.NotEqual(t, y, drop(ops.RNG{Seed: 1, Step: 2}))
			assert.NotEqual(t, y, drop(ops.RNG{Seed: 2, Step: 1}))
		}
	}
}

// random returns inputs that are the same in every run.
func (c opCase) random() []array {
	r := rand.New(rand.NewPCG(uint64(len(c.inputs)), uint64(c.inputs[0].TotalSize())))
	var in []array
	for _, shape := range c.inputs {
		in = append(in, normal(r, shape))
	}
	return in
}

func (c opCase) named(dt tensor.Dtype) []gradcheck.Input {
	var in []gradcheck.Input
	for i, a := range c.random() {
		in = append(in, gradcheck.Input{Name: fmt.Sprintf("input %d", i), Value: a.dense(dt)})
	}
	return in
}

// run builds the op alone and runs it.
func (c opCase) run(t *testing.T, in []array, dt tensor.Dtype) array {
	t.Helper()
	g := G.NewGraph()
	var nodes []*G.Node
	for i, a := range in {
		nodes = append(nodes, G.NodeFromAny(g, a.dense(dt), G.WithName(fmt.Sprintf("input %d", i))))
	}
	y, err := c.build(g, nodes)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	return arrayOf(t, y.Value())
}

func arrayOf(t *testing.T, v G.Value) array {
	t.Helper()
	switch v := v.(type) {
	case *G.F32:
		return array{tensor.ScalarShape(), []float64{float64(*v)}}
	case *G.F64:
		return array{tensor.ScalarShape(), []float64{float64(*v)}}
	}
	d := v.(*tensor.Dense)
	if d.Dtype() == tensor.Float64 {
		return array{d.Shape(), d.Float64s()}
	}
	a := newArray(d.Shape()...)
	for i, x := range d.Float32s() {
		a.data[i] = float64(x)
	}
	return a
}
