package kernel

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTreeSumOfPeers: few elements, which each peer adds up, and many, of which each has a share,
// have the bits of the binary tree over all leaves.
func TestTreeSumOfPeers(t *testing.T) {
	const batch = 64
	for _, n := range []int{1, 7, littleData / 2, littleData/2 + 1, 20_000} {
		r := newRand(51)
		leaves := make([][]float32, Leaves(batch))
		for i := range leaves {
			leaves[i] = random[float32](r, n)
		}
		var sumOf func(from, to int) []float32
		sumOf = func(from, to int) []float32 {
			if to-from == 1 {
				return leaves[from]
			}
			middle := (from + to) / 2
			sum := make([]float32, n)
			Add(sumOf(from, middle), sumOf(middle, to), sum)
			return sum
		}
		want := sumOf(0, len(leaves))
		for _, ranks := range []int{2, 3, 4, 5} {
			var running sync.WaitGroup
			for _, p := range partsOf(batch, 1, ranks) {
				running.Go(func() {
					s, dw := treeSum[float32]{late: ranks%2 == 0}, make([]float32, n)
					for range 2 {
						from, to := p.Leaves(0)
						trees := subtrees(from, to, len(leaves))
						s.complete(p, func(i int) []float32 { return sumOf(trees[i].from, trees[i].to) }, dw)
						if !assert.NoError(t, p.Finish()) {
							return
						}
						assert.True(t, slices.Equal(want, dw), "%d elements, %d ranks", n, ranks)
					}
				})
			}
			running.Wait()
			require.False(t, t.Failed())
		}
	}
}
