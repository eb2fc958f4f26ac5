package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSumAddsFromLeftToRight(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 17, sweepShard, 2*sweepShard + 5} {
			terms := make([][]float32, 4)
			want := make([]float32, n)
			for i := range terms {
				terms[i] = gaussian[float32](uint64(i), n)
				for j, v := range terms[i] {
					want[j] += v
				}
			}
			for _, workers := range []int{1, 3} {
				withWorkers(t, workers, func() {
					for _, y := range [][]float32{make([]float32, n), append([]float32(nil), terms[0]...)} {
						NewSum[float32]().Of(terms, y)
						require.Equal(t, bitsOf(want), bitsOf(y), n)
					}
				})
			}
			second := append([]float32(nil), terms[1]...)
			NewSum[float32]().Of([][]float32{terms[0], second, terms[2], terms[3]}, second)
			require.Equal(t, bitsOf(want), bitsOf(second), "over the second term")
		}
	})
}

func TestSumAllocatesNothing(t *testing.T) {
	s, terms := NewSum[float32](),
		[][]float32{make([]float32, 50_000), make([]float32, 50_000), make([]float32, 50_000)}
	assert.Zero(t, allocations(func() { s.Of(terms, terms[0]) }))
}
