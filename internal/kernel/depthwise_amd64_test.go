//go:build amd64 && !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWeighNine compares 3x3 windows with the weights in registers with the general kernel, to the
// bit.
func TestWeighNine(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaGeneric {
			return // which has no kernels for planes
		}
		for size := 4; size <= 40; size++ {
			for stride := 1; stride <= 2; stride++ {
				s := ConvShape{
					Batch: 1, InChannels: 2, InHeight: stride * (4 + size%7), InWidth: size, OutChannels: 4, Groups: 2,
					KernelH: 3, KernelW: 3, StrideH: stride, StrideW: 1 + size%2, PadTop: size % 2, PadBottom: 1,
					PadLeft: size % 3, PadRight: 1, DilationW: 1 + size/20,
				}
				r := newRand(32)
				nx, nw, ny := s.sizes()
				x, w, bias := random[float32](r, nx), random[float32](r, nw), random[float32](r, s.OutChannels)
				forward := func(nine bool) []uint32 {
					c := NewConv[float32](s)
					p := c.byPlane.(*channelConv)
					require.True(t, p.nine)
					p.nine = nine
					y := make([]float32, ny)
					c.ForwardWithin(Limits[float32]{Least: -0.5, Most: 0.75}, x, w, bias, y)
					return bitsOf(y)
				}
				require.Equal(t, forward(false), forward(true), "%+v", s)
			}
		}
	})
}
