package train

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/ops"
	"convgraph/train/dataset"
)

// pairs is a batch of n images of 2x6x5 whose values are all their number, and their one-hot
// targets.
func pairs(n int) *dataset.Minibatch {
	const size = 60
	b := &dataset.Minibatch{X: make([]float32, n*size), T: make([]float32, n*n), Labels: make([]int, n)}
	for i := range n {
		for k := range size {
			b.X[i*size+k] = float32(i)
		}
		b.T[i*n+i], b.Labels[i] = 1, i
	}
	return b
}

// TestMixupBlendsPairs expects images and targets to have the same shares of an image and its
// partner.
func TestMixupBlendsPairs(t *testing.T) {
	const n = 5
	shares := 0.0
	for step := range 400 {
		b := pairs(n)
		m := mixer{mixup: 0.4, seed: 1}
		m.mix(b, []int{2, 6, 5}, step)
		for i := range n {
			j := n - 1 - i
			own, others := b.T[i*n+i], b.T[i*n+j]
			if i == j {
				assert.Equal(t, float32(1), own)
				others = 0
			}
			assert.InDelta(t, 1, own+others, 1e-6)
			for _, v := range b.X[i*60:][:60] {
				require.InDelta(t, float64(own)*float64(i)+float64(others)*float64(j), v, 1e-5)
			}
		}
		shares += float64(b.T[0]) * (1 - float64(b.T[0]))
	}
	// λ(1-λ) of Beta(α, α) has the mean α/(2(2α+1)).
	assert.InDelta(t, 0.4/(2*1.8), shares/400, 0.012)
}

// TestCutMixExchangesRectangles: the rectangle is the same in all channels, and its area is the
// share of the partner's target.
func TestCutMixExchangesRectangles(t *testing.T) {
	const n = 4
	mean := 0.0
	for step := range 400 {
		b := pairs(n)
		m := mixer{cutmix: 1, seed: 1}
		m.mix(b, []int{2, 6, 5}, step)
		for i := range n {
			j, x := n-1-i, b.X[i*60:][:60]
			assert.Equal(t, x[:30], x[30:])
			top, bottom, left, right, count := 6, -1, 5, -1, 0
			for k, v := range x[:30] {
				if v == float32(j) {
					top, bottom, left, right = min(top, k/5), max(bottom, k/5), min(left, k%5), max(right, k%5)
					count++
				}
			}
			assert.InDelta(t, float64(count)/30, b.T[i*n+j], 1e-6)
			if count > 0 {
				assert.Equal(t, count, (bottom-top+1)*(right-left+1), "a rectangle")
			}
		}
		mean += float64(b.T[3]) / 400
	}
	assert.True(t, mean > 0.2 && mean < 0.5, "%v of the area is exchanged", mean)
}

// TestMixingGivesTheSameBits from any number of workers and when it is resumed within an epoch, and
// isn't a training without it.
func TestMixingGivesTheSameBits(t *testing.T) {
	t.Cleanup(func() { ops.SetWorkers(0) })
	mixed := func() *Trainer {
		tr := trainer(t, withDropout())
		tr.Mixup, tr.CutMix, tr.LabelSmoothing = 0.5, 1, 0.1
		return tr
	}
	whole := finish(t, mixed())
	assert.NotEqual(t, whole.params, finish(t, trainer(t, withDropout())).params)
	for _, workers := range []int{1, 3} {
		ops.SetWorkers(workers)
		require.True(t, whole.equals(finish(t, mixed())))
	}
	dir := t.TempDir()
	first := mixed()
	first.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: 5, What: func() error { return ErrStop }}}
	finish(t, first)
	rest := mixed()
	var err error
	rest.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	require.True(t, whole.equals(finish(t, rest)))
}

// TestRefusesInvalidMixing.
func TestRefusesInvalidMixing(t *testing.T) {
	for _, alpha := range []float64{-1, 0.01, 1001, math.NaN()} {
		for _, set := range []func(*Trainer){func(tr *Trainer) { tr.Mixup = alpha },
			func(tr *Trainer) { tr.CutMix = alpha }} {
			tr := trainer(t, small())
			set(tr)
			require.ErrorContains(t, tr.Check(), "want 0, or 0.05 to 1000")
		}
	}
	b := pairs(3)
	before := slices.Clone(b.X)
	(&mixer{seed: 1}).mix(b, []int{2, 6, 5}, 1)
	assert.Equal(t, before, b.X)
}
