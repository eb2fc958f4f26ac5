//go:build amd64 && !purego

package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaxPoolBands compares the bands of large planes with the portable code, on memory that ends
// at a protected page.
func TestMaxPoolBands(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaGeneric {
			return // which has no bands
		}
		for _, s := range []PoolShape{
			{InHeight: 112, InWidth: 112, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, Ceil: true},
			{
				InHeight: 112, InWidth: 112, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1,
				PadBottom: 1, PadRight: 1,
			},
			{InHeight: 150, InWidth: 83, KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, Ceil: true, PadTop: 1},
			{InHeight: 91, InWidth: 170, KernelH: 5, KernelW: 3, StrideH: 3, StrideW: 2, Ceil: true, PadLeft: 1},
			{
				InHeight: 100, InWidth: 90, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, PadTop: 1, PadBottom: 1,
				PadLeft: 1,
			},
			{InHeight: 130, InWidth: 100, KernelH: 3, KernelW: 2, StrideH: 1, StrideW: 1, DilationH: 2, PadRight: 1},
		} {
			s.Batch, s.Channels = 1, 2
			w := newWindows(s)
			require.Greater(t, len(w.bands()), 1, "%+v", s)
			x := coarse(gaussian[float32](3, w.inLen()))
			for i := 7; i < len(x); i += 301 {
				x[i] = float32(math.NaN())
			}
			x = guarded(t, x, true)
			want, wantAt := make([]float32, w.outLen()), make([]int32, w.outLen())
			portableTable[float32]().maxPlanes(&w, 0, x, want, wantAt)
			for _, at := range [][]int32{make([]int32, w.outLen()), nil} {
				y := guarded(t, make([]float32, w.outLen()), true)
				kernels[float32]().maxPlanes(&w, 0, x, y, at)
				require.Equal(t, bitsOf(want), bitsOf(y), "%+v", s)
				if at != nil {
					require.Equal(t, wantAt, at, "%+v", s)
				}
			}
		}
	})
}

// TestSplitRows compares with the definition, at every width around whole vectors, on memory that
// ends at a protected page.
func TestSplitRows(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaGeneric {
			return // the processor may lack AVX2
		}
		r := newRand(31)
		const rows, pitch = 3, 60
		for cols := 1; cols <= 70; cols++ {
			x := guarded(t, random[float32](r, stored(rows, cols, cols+2)), true)
			laid := random[float32](r, 2*rows*pitch)
			splitRows(rows, cols, cols+2, pitch, &x[0], &laid[0], &laid[rows*pitch])
			for i := range rows * cols {
				row, col := i/cols, i%cols
				at := (col%2*rows+row)*pitch + col/2
				require.Equal(t, x[row*(cols+2)+col], laid[at], "column %d of %d", col, cols)
			}
			for phase := range 2 {
				n := (cols + 1 - phase) / 2
				for _, v := range laid[phase*rows*pitch:][n : (cols+15)/16*8] {
					require.Zero(t, v, "phase %d of %d columns", phase, cols)
				}
			}
		}
	})
}
