//go:build amd64 && !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
