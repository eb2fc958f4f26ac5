package train

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSamplingOrder: an order depends on the seed and the epoch alone. Shuffle takes no sample
// twice, Replace takes any at each place.
func TestSamplingOrder(t *testing.T) {
	set := trainer(t, small()).Train
	all := make([]int, set.Len())
	for i := range all {
		all[i] = i
	}
	for _, s := range []Sampling{Shuffle, Replace, ""} {
		order := func(seed uint64, epoch, count int) []int {
			indices, err := s.order(set, seed, epoch, count)
			require.NoError(t, err)
			require.Len(t, indices, count)
			return indices
		}
		n := set.Len() - 1
		first := order(1, 1, n)
		assert.Equal(t, first, order(1, 1, n), s)
		assert.NotEqual(t, first, order(1, 2, n), "%q: another epoch", s)
		assert.NotEqual(t, first, order(2, 1, n), "%q: another seed", s)
		distinct := func(order []int) []int {
			slices.Sort(order)
			return slices.Compact(order)
		}
		if s == Replace {
			assert.Equal(t, all, distinct(order(1, 1, 20*set.Len())))
			assert.Less(t, len(distinct(first)), n)
		} else {
			assert.Len(t, distinct(first), n, s)
			assert.Equal(t, all, distinct(order(1, 1, set.Len())), s)
		}
	}
	_, err := Sampling("some").order(set, 1, 1, 1)
	assert.EqualError(t, err, `sampling: got "some", want shuffle or replace`)
}
