package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/ops"
)

// TestFindRate: rates rise to where the loss explodes, the suggestion is below the rate of the
// lowest loss, and any number of workers finds the same.
func TestFindRate(t *testing.T) {
	t.Cleanup(func() { ops.SetWorkers(0) })
	find := func() *RateTest {
		tr := trainer(t, small())
		test, err := FindRate(t.Context(), tr)
		require.NoError(t, err)
		return test
	}
	test := find()
	assert.InDelta(t, 1e-7, test.Rates[0], 1e-12)
	for i := 1; i < len(test.Rates); i++ {
		assert.Greater(t, test.Rates[i], test.Rates[i-1])
	}
	assert.Len(t, test.Losses, len(test.Rates))
	assert.True(t, test.Suggested > 1e-5 && test.Suggested < test.Lowest, "%v, lowest at %v", test.Suggested,
		test.Lowest)
	for _, workers := range []int{1, 3} {
		ops.SetWorkers(workers)
		assert.Equal(t, test, find())
	}
}

// TestRatesToSuggest judges curves whose loss falls around a known rate, some with the noise of
// small batches.
func TestRatesToSuggest(t *testing.T) {
	for _, middle := range []float64{1e-4, 3e-3, 0.1} {
		for _, noise := range []float64{0, 0.1} {
			rng := rand.New(rand.NewPCG(1, 1))
			test := &RateTest{}
			for step := range rateSteps {
				rate := rising{}.At(step)
				loss := 2/(1+math.Pow(rate/middle, 1.5)) + math.Pow(rate/(30*middle), 2) + noise*rng.NormFloat64()
				if loss > 4 {
					break
				}
				test.Rates, test.Losses = append(test.Rates, rate), append(test.Losses, loss)
			}
			require.NoError(t, test.judge())
			assert.InDelta(t, math.Log10(middle), math.Log10(test.Suggested), 0.5, "%v with noise %v", middle, noise)
			assert.Greater(t, test.Lowest, test.Suggested)
		}
	}
	flat := &RateTest{Rates: []float64{1, 2, 3}, Losses: []float64{2, 2.1, 1.99}}
	require.ErrorContains(t, flat.judge(), "the loss is 2 at first and falls no lower than 1.99 at any learning rate")
}
