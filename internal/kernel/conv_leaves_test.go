package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLeavesOfWeights: the gradient of a batch of eight, whose leaves are single images, is the
// tree of the images' gradients, to the bit, whether a leaf is one product, which adds to its
// neighbor's sum, or several, or the kernel covers the image.
func TestLeavesOfWeights(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		checkLeavesOfWeights[float32](t)
		checkLeavesOfWeights[float64](t)
	})
}

func checkLeavesOfWeights[T Float](t *testing.T) {
	for _, side := range []int{5, 9, 27, 28} { // 1, 25, 529 and 576 pixels: pixelDepth cuts the last two
		one := ConvShape{
			Batch: 1, InChannels: 2, InHeight: side, InWidth: side, OutChannels: 3, KernelH: 5, KernelW: 5,
		}.withDefaults()
		all := one
		all.Batch = 8
		require.Equal(t, all.Batch, Leaves(all.Batch))
		nx, nw, ny := one.sizes()
		r := newRand(31)
		x, dy := random[T](r, 8*nx), random[T](r, 8*ny)
		var sums [8][]T
		for i := range sums {
			sums[i] = make([]T, nw)
			NewConv[T](one).BackwardWeights(x[i*nx:][:nx], dy[i*ny:][:ny], sums[i])
		}
		for step := 1; step < 8; step *= 2 {
			for i := 0; i < 8; i += 2 * step {
				Add(sums[i], sums[i+step], sums[i])
			}
		}
		got := make([]T, nw)
		NewConv[T](all).BackwardWeights(x, dy, got)
		require.Equal(t, sums[0], got, "%d x %d", side, side)
	}
}
