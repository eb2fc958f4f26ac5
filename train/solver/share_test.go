package solver_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/internal/kernel"
	"convgraph/internal/peers"
	"convgraph/train/solver"
)

// sizedModel is a model of parameters of some sizes, with random values and gradients.
func sizedModel(sizes []int, seed uint64) model {
	r := rand.New(rand.NewPCG(seed, 1))
	random := func(n int) *tensor.Dense {
		values := make([]float32, n)
		for i := range values {
			values[i] = r.Float32() - 0.5
		}
		return tensor.New(tensor.WithShape(n), tensor.WithBacking(values))
	}
	var m model
	for i, n := range sizes {
		m = append(m, &param{string(rune('a' + i)), random(n), random(n)})
	}
	return m
}

// valuesOf returns copies of a model's values, and of an optimizer's state.
func valuesOf(m model, s *solver.Optimizer) (all [][]float32) {
	for _, p := range m {
		all = append(all, slices.Clone(p.value.Float32s()))
	}
	for _, slot := range s.State().Slots {
		all = append(all, slices.Clone(slot.Value.Float32s()))
	}
	return all
}

// TestShare: peers that share the updates have the bits of one process after every step, resumed or
// not, and each its own copy in the end.
func TestShare(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(solver.Names()).Draw(rt, "optimizer")
		config := solver.Config{LR: 0.01, ClipNorm: rapid.SampledFrom([]float64{0, 1}).Draw(rt, "clip")}
		sizes := []int{solver.SharedFrom - 1, 7, solver.SharedFrom + rapid.IntRange(0, 100).Draw(rt, "more")}
		ranks, steps := rapid.IntRange(2, 4).Draw(rt, "ranks"), rapid.IntRange(1, 3).Draw(rt, "steps")
		before := rapid.IntRange(0, 2).Draw(rt, "steps before")

		alone, one := sizedModel(sizes, 3), mustNew(t, name, config)
		for range before {
			require.NoError(rt, one.Step(alone.valueGrads()))
		}
		start, state := valuesOf(alone, one), one.State()
		resumed := make([]*solver.Optimizer, ranks)
		for rank := range resumed {
			resumed[rank] = mustNew(t, name, config)
			require.NoError(rt, resumed[rank].SetState(state))
		}
		var want [][][]float32
		for range steps {
			require.NoError(rt, one.Step(alone.valueGrads()))
			want = append(want, valuesOf(alone, one))
		}
		got, models, large := make([][][][]float32, ranks), make([]model, ranks), make([]*float32, ranks)
		var running sync.WaitGroup
		for rank, peer := range peers.WithMemory(ranks) {
			running.Go(func() {
				m, s := sizedModel(sizes, 3), resumed[rank]
				for i, p := range m {
					copy(p.value.Float32s(), start[i])
				}
				part, err := kernel.NewPart(4*ranks, 1, peer)
				assert.NoError(rt, err)
				s.Share(part)
				for range steps {
					assert.NoError(rt, s.Step(m.valueGrads()))
					got[rank] = append(got[rank], valuesOf(m, s))
				}
				large[rank] = &m[2].value.Float32s()[0]
				assert.ErrorContains(rt, s.SetState(state), "want Unshare first")
				s.Unshare()
				models[rank] = m
			})
		}
		running.Wait()
		for rank := range ranks {
			require.Same(rt, large[0], large[rank], "the peers hold it once")
			require.True(rt, equalSteps(want, got[rank]), "rank %d", rank)
			for _, p := range models[rank] { // nobody else sees it
				clear(p.value.Float32s())
			}
			require.NoError(rt, resumed[rank].SetState(state))
			for _, other := range models[rank+1:] {
				require.True(rt, slices.Equal(want[steps-1][2], other[2].value.Float32s()))
			}
		}
	})
}

func equalSteps(a, b [][][]float32) bool {
	return slices.EqualFunc(a, b, func(a, b [][]float32) bool {
		return slices.EqualFunc(a, b, slices.Equal[[]float32])
	})
}
