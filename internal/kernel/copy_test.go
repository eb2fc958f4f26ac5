package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Blocks of 3 are copied to slots of 4, in reverse order, and back.
func TestCopy(t *testing.T) {
	for _, blocks := range []int{1, 2, 5, sweepShard} {
		c := NewCopy[float32](
			blocks, 3, func(i int) int { return 3 * i }, func(i int) int { return 4 * (blocks - 1 - i) },
		)
		x, y, back := gaussian[float32](1, 3*blocks), make([]float32, 4*blocks), make([]float32, 3*blocks)
		want := make([]float32, len(y))
		for i := range want {
			want[i] = unused
			if i%4 < 3 {
				want[i] = x[3*(blocks-1-i/4)+i%4]
			}
		}
		setAll(y, unused)
		c.Run(x, y)
		assert.Equal(t, want, y)
		reversed := c.Reversed()
		reversed.Run(y, back)
		assert.Equal(t, x, back)
		assert.Zero(t, allocations(func() { c.Run(x, y); reversed.Run(y, back) }))
	}
}
