package graph

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// residualNet has blocks with random ops, running statistics and side outputs.
func residualNet() *Spec {
	body := func() Part {
		return Serial(Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, BatchNorm{}, ReLU{}, Dropout{Rate: 0.3},
			Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, BatchNorm{})
	}
	shrink := Serial(Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, ReLU{},
		LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75},
		MaxPool{Kernel: Square(3), Stride: Square(1), Pad: Square(1)}, Sigmoid{}, AvgPool{Kernel: Square(2)})
	return Sequential("residual", tensor.Shape{4, 12, 12}, He(),
		Block("layer1.0", Residual(body()), ReLU{}), Block("layer1.1", Residual(body()), ReLU{}),
		Block("layer2", shrink), Block("layer3", Residual(body()), ReLU{}), Affine{Units: 7}, ReLU{},
		Dropout{Rate: 0.5}, Affine{Units: 3}, Softmax{})
}

// recomputed are patterns that divide residualNet differently.
var recomputed = [][]string{{"layer*.*"}, {"layer1.*", "layer2", "layer3"}, {"layer?"}, {"*"},
	{"layer1.0.bn1", "layer1.0.relu1", "layer1.0.dropout1"}, {"*.conv*"}}

// TestRecomputeChangesNoBit compares the results and the running statistics of steps with and
// without recomputed blocks.
func TestRecomputeChangesNoBit(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		for _, options := range [][]Option{{WithDtype(dt)}, {WithDtype(dt), WithoutFusion()}} {
			keeps, err := New(residualNet(), options...)
			require.NoError(t, err)
			want := [][][]float64{}
			kept := testStep(t, keeps, stepConfig{inputGradient: true})
			for i := range 3 {
				_, err := kept.Run(uint64(i))
				require.NoError(t, err)
				want = append(want, results(t, kept))
			}
			for _, patterns := range recomputed {
				m, err := New(residualNet(), append(options, WithRecompute(patterns...))...)
				require.NoError(t, err)
				for _, unshared := range []bool{false, true} {
					s := testStep(t, m, stepConfig{inputGradient: true, unshared: unshared})
					if unshared {
						_, err := s.Run(2)
						require.NoError(t, err)
						assert.Equal(t, want[2][:1], results(t, s)[:1], "the loss")
						continue
					}
					for i := range want {
						fillWith(s.plan.arena, 0, s.plan.size, math.NaN())
						_, err := s.Run(uint64(i))
						require.NoError(t, err)
						require.Equal(t, want[i], results(t, s), "%v", patterns)
					}
					for i, p := range m.params {
						assert.Equal(t, valuesOf(t, keeps.params[i].Value), valuesOf(t, p.Value), "%s after %v", p.Name,
							patterns)
					}
				}
			}
		}
	}
}

// TestRecomputedMemoryIsFree poisons every buffer after its last reader has run.
func TestRecomputedMemoryIsFree(t *testing.T) {
	for _, patterns := range recomputed {
		m, err := New(residualNet(), WithRecompute(patterns...))
		require.NoError(t, err)
		s := testStep(t, m, stepConfig{inputGradient: true})
		_, err = s.Run(7)
		require.NoError(t, err)
		want := results(t, s)
		for _, poison := range poisons {
			require.Equal(t, want, runStepPoisoned(t, s, poison), "%v", patterns)
		}
	}
}

// TestRecomputeIsInTheBackwardHalf: recomputed ops come after the loss, and outputs of blocks
// aren't recomputed.
func TestRecomputeIsInTheBackwardHalf(t *testing.T) {
	m, err := New(residualNet(), WithRecompute("layer1.*"), WithoutFusion())
	require.NoError(t, err)
	net, err := m.lowerStep(3, stepConfig{unfused: true})
	require.NoError(t, err)
	order, err := tapeOrder(net.graph.ExactSubgraphRoots(net.outputs()...))
	require.NoError(t, err)
	owners, again, loss := net.layerOps(), []string{}, false
	for _, n := range order {
		loss = loss || n == net.loss
		info, _ := ops.Describe(n.Op())
		if info.Repeats != 0 {
			assert.True(t, loss, "%v runs before the loss", n.Op())
			again = append(again, owners[info.Repeats])
		}
	}
	var want []string
	for _, block := range []string{"layer1.0", "layer1.1"} {
		// nothing reads bn2's result, or add1's, later
		for _, layer := range []string{"conv1", "bn1", "relu1", "dropout1", "conv2"} {
			want = append(want, block+"."+layer)
		}
	}
	assert.ElementsMatch(t, want, again)
}

func TestRecomputeSavesMemory(t *testing.T) {
	deep := func(blocks int) *Spec {
		var parts []Part
		for i := range blocks {
			parts = append(parts, Block(fmt.Sprint("layer", i), Residual(Serial(
				Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, BatchNorm{}, Tanh{},
				Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, BatchNorm{}, Tanh{}))))
		}
		return Sequential("deep", tensor.Shape{4, 10, 10}, He(), append(parts, Affine{Units: 3}, Softmax{})...)
	}
	arena := func(options ...Option) MemoryUse {
		uses, err := PlanMemory(deep(8), 4, options...)
		require.NoError(t, err)
		return uses[0]
	}
	kept, again := arena(), arena(WithRecompute("layer*"))
	assert.Less(t, float64(again.ArenaBytes), 0.5*float64(kept.ArenaBytes))
	assert.Zero(t, kept.RecomputedMultiplyAdds)
	m, err := declare(deep(8), nil)
	require.NoError(t, err)
	var all, last int64 // nothing reads the last bn2's result by itself: tanh's gradient reads tanh's
	for _, n := range m.hidden() {
		switch n.Layer.(type) {
		case Conv2D, BatchNorm:
			all += n.MultiplyAdds()
		}
	}
	assert.Equal(t, all+last, again.RecomputedMultiplyAdds)
}

// TestRecomputeLeavesSecondGradients: graphs with second derivatives keep everything, because
// recomputed ops have no gradient.
func TestRecomputeLeavesSecondGradients(t *testing.T) {
	spec := Sequential("second", tensor.Shape{2, 6, 6}, He(),
		Block("layer1", Conv2D{Filters: 3, Kernel: Square(3)}, Tanh{}, Conv2D{Filters: 3, Kernel: Square(3)}, Tanh{}),
		Affine{Units: 3}, Softmax{})
	for _, config := range []stepConfig{{hessian: true, noDropout: true}, {penalty: 0.5}} {
		var all [][][]float64
		for _, o := range []Option{nil, WithRecompute("layer1")} {
			m, err := New(spec, o)
			require.NoError(t, err)
			s := testStep(t, m, config)
			for _, v := range s.vector {
				fillWith(v, 0, v.Shape().TotalSize(), 0.5)
			}
			_, err = s.Run(0)
			require.NoError(t, err)
			all = append(all, results(t, s))
		}
		assert.Equal(t, all[0], all[1])
	}
}

// TestGradientWithoutParameters: images have a gradient even if nothing is trained.
func TestGradientWithoutParameters(t *testing.T) {
	m, err := New(Sequential("bare", tensor.Shape{3}, He(), Softmax{}))
	require.NoError(t, err)
	g, err := m.Gradients(tensor.New(tensor.WithBacking([]float32{1, 2, 3}), tensor.WithShape(1, 3)),
		tensor.New(tensor.WithBacking([]float32{2}), tensor.WithShape(1)))
	require.NoError(t, err)
	assert.Empty(t, g.Params)
	assert.Equal(t, tensor.Shape{1, 3}, g.Images.Shape())
}

func TestRecomputeRefusesWhatMatchesNothing(t *testing.T) {
	for pattern, want := range map[string]string{"layer9": `no layer's name matches "layer9"`, "[": "syntax error",
		"softmax1": "no layer's name"} {
		_, err := New(residualNet(), WithRecompute("layer1.*", pattern))
		assert.ErrorContains(t, err, want)
	}
}
