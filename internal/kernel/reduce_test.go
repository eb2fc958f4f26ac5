package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChannelSum(t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {3, 2, 5}, {4, 7, 1}, {2, 3, 10007}, {100, 30, 36}} {
		batch, channels, plane := s[0], s[1], s[2]
		x := gaussian[float32](1, batch*channels*plane)
		want, got := make([]float32, channels), make([]float32, channels)
		for c := range channels {
			sum := 0.0
			for n := range batch {
				for i := range plane {
					sum += float64(x[(n*channels+c)*plane+i])
				}
			}
			want[c] = float32(sum)
		}
		ChannelSum(batch, channels, plane, x, got)
		closeTo(t, want, got, 1e-6, "sum")
	}
	x, sum := gaussian[float64](1, 6*sweepShard), make([]float64, 3)
	assert.Zero(t, allocations(func() { ChannelSum(2, 3, sweepShard, x, sum) }))
}

func TestSumSquares(t *testing.T) {
	for _, n := range []int{0, 1, sumBlock - 1, sumBlock, sumBlock + 1, 9*sumBlock + 7} {
		x := gaussian[float32](1, n)
		want := 0.0
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		assert.InDelta(t, want, SumSquares(x), 1e-12*want, "%d elements", n)
	}
	x := gaussian[float64](1, 6*sweepShard)
	assert.Zero(t, allocations(func() { SumSquares(x) }))
}
