package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// BatchNorm's mean and variance are those of PyTorch's running estimates.
func TestBatchStatisticsReference(t *testing.T) {
	compared := 0
	for i, c := range readReference(t) {
		if c.Op != "BatchNorm" {
			continue
		}
		compared++
		t.Run(fmt.Sprintf("%03d %v", i, c), func(t *testing.T) {
			compareStatistics[float64](t, c, 1e-12)
			compareStatistics[float32](t, c, 1e-6)
		})
	}
	assert.Greater(t, compared, 10)
}

func compareStatistics[T kernel.Float](t *testing.T, c referenceCase, tolerance float64) {
	t.Helper()
	g := G.NewGraph()
	in := leaves[T](g, c.Inputs)
	_, mean, variance, err := BatchNorm(in[0], in[1], in[2], c.Eps)
	require.NoError(t, err)
	require.Equal(t, c.Statistics[0].Shape, mean.Shape())
	require.Equal(t, c.Statistics[1].Shape, variance.Shape())
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	requireClose(t, "mean", tolerance, float64s[T](t, mean), c.Statistics[0].Data)
	requireClose(t, "variance", tolerance, float64s[T](t, variance), c.Statistics[1].Data)
}

// The statistics are outputs of a compiled step, beside the gradients. In every run they are those
// of that run's batch.
func TestBatchStatisticsFollowTheBatch(t *testing.T) {
	g := G.NewGraph()
	x := leaf[float64](g, "x", &referenceTensor{tensor.Shape{2, 2, 1, 2}, []float64{1, 2, 3, 4, 5, 6, 7, 8}})
	weight := leaf[float64](g, "weight", &referenceTensor{tensor.Shape{2}, []float64{2, 3}})
	bias := leaf[float64](g, "bias", &referenceTensor{tensor.Shape{2}, []float64{0, 1}})
	y, mean, variance, err := BatchNorm(x, weight, bias, 1e-5)
	require.NoError(t, err)
	cost, err := apply("Dot", dot[float32], dot[float64], y, y)
	require.NoError(t, err)
	grads, err := G.Grad(cost, weight, bias)
	require.NoError(t, err)
	outputs := G.Nodes{cost, grads[0], grads[1], mean, variance}
	program, locations, err := G.CompileFunction(g, G.Nodes{x, weight, bias}, outputs)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g, G.WithPrecompiled(program, locations))
	defer machine.Close()
	for _, shift := range []float64{0, 10, -3} {
		for i, v := range []float64{1, 2, 3, 4, 5, 6, 7, 8} {
			x.Value().(*tensor.Dense).Float64s()[i] = v + shift
		}
		machine.Reset()
		require.NoError(t, machine.RunAll())
		assert.InDeltaSlice(t, []float64{3.5 + shift, 5.5 + shift}, float64s[float64](t, mean), 1e-14)
		assert.InDeltaSlice(t, []float64{17. / 3, 17. / 3}, float64s[float64](t, variance), 1e-13)
	}
}

// The statistics have no gradient, and y's memory is free before they are computed.
func TestBatchStatisticsHaveNoGradient(t *testing.T) {
	g := G.NewGraph()
	x := leaf[float64](g, "x", &referenceTensor{tensor.Shape{2, 1}, []float64{1, 2}})
	w := leaf[float64](g, "w", &referenceTensor{tensor.Shape{1}, []float64{1}})
	b := leaf[float64](g, "b", &referenceTensor{tensor.Shape{1}, []float64{1}})
	_, mean, variance, err := BatchNorm(x, w, b, 1e-5)
	require.NoError(t, err)
	for _, n := range []*G.Node{mean, variance} {
		op, ok := n.Op().(G.SDOp)
		require.True(t, ok)
		assert.Equal(t, []bool{false}, op.DiffWRT(1))
		memory, ours := AliasingOf(n.Op())
		assert.True(t, ours)
		assert.Equal(t, Aliasing{Reads: 0}, memory)
	}
}

// dx needs the sums of dw, even if dw isn't an output.
func TestNormGradientsOfOneInput(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	inputs := []*referenceTensor{drawn(r, 3, 4, 2, 2), drawn(r, 4), drawn(r, 4)}
	dy := drawn(r, 3, 4, 2, 2)
	for name, build := range norms {
		_, want := differentiate[float64](t, referenceCase{Inputs: inputs, DY: dy, Grads: inputs}, build)
		for i := range inputs {
			only := make([]*referenceTensor, 3)
			only[i] = inputs[i]
			_, got := differentiate[float64](t, referenceCase{Inputs: inputs, DY: dy, Grads: only}, build)
			assert.Equal(t, want[i], got[0], "%s, input %d", name, i)
		}
	}
}

// norms are the normalizations by statistics of x.
var norms = map[string]func(in G.Nodes) (*G.Node, error){
	"BatchNorm": func(in G.Nodes) (*G.Node, error) {
		y, _, _, err := BatchNorm(in[0], in[1], in[2], 1e-5)
		return y, err
	},
	"GroupNorm": func(in G.Nodes) (*G.Node, error) { return GroupNorm(in[0], in[1], in[2], 2, 1e-5) },
	"LayerNorm": func(in G.Nodes) (*G.Node, error) { return LayerNorm(in[0], in[1], in[2], 1e-5) },
}

// In float32 a mean of 10000 beside a std of 1 costs no digits: the results are those of float64 on
// the same numbers. A variance of float32 sums, or a y of x·scale + shift, would be off by 1e-3 and
// more.
func TestNormOfLargeMean(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for _, shape := range []tensor.Shape{{8, 4, 7, 9}, {1, 32, 8, 9}, {64, 32}} {
		x := drawn(r, shape...)
		for i, v := range x.Data {
			x.Data[i] = float64(float32(1e4 + v))
		}
		inputs := []*referenceTensor{x, drawn(r, shape[1]), drawn(r, shape[1])}
		for name, build := range norms {
			c := referenceCase{Inputs: inputs, DY: drawn(r, shape...), Grads: inputs}
			want, wantGrads := differentiate[float64](t, c, build)
			got, gotGrads := differentiate[float32](t, c, build)
			requireClose(t, name+" y", 1e-6, got, want)
			for i := range inputs {
				requireClose(t, fmt.Sprintf("%s gradient of input %d", name, i), 1e-6, gotGrads[i], wantGrads[i])
			}
		}
	}
}

// A step that runs again needs no new memory, in either direction.
func TestNormAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	for name, build := range norms {
		g := G.NewGraph()
		in := leaves[float32](g, []*referenceTensor{drawn(r, 4, 8, 20, 20), drawn(r, 8), drawn(r, 8)})
		y, err := build(in)
		require.NoError(t, err)
		_, err = G.Grad(G.Must(G.Sum(y)), in...)
		require.NoError(t, err)
		machine := G.NewTapeMachine(g)
		require.NoError(t, machine.RunAll())
		tried := 0
		for _, n := range g.AllNodes() {
			if _, ours := AliasingOf(n.Op()); !ours {
				continue
			}
			tried++
			var operands []G.Value
			for from := g.From(n.ID()); from.Next(); {
				operands = append(operands, from.Node().(*G.Node).Value())
			}
			assert.Zero(t, testing.AllocsPerRun(5, func() {
				if _, err := n.Op().Do(operands...); err != nil {
					panic(err)
				}
			}), "%s: %v", name, n.Op())
		}
		assert.GreaterOrEqual(t, tried, 4, name) // y and three gradients
		machine.Close()
	}
}

func drawn(r *rand.Rand, shape ...int) *referenceTensor {
	x := &referenceTensor{Shape: shape, Data: make([]float64, tensor.Shape(shape).TotalSize())}
	for i := range x.Data {
		x.Data[i] = r.NormFloat64()
	}
	return x
}
