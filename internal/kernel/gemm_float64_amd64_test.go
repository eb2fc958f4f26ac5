//go:build amd64 && !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFloat64SumsInOrder: the assembly's sums have the bits of a loop that rounds every product and
// every sum, for every tile, packed and gathered, on guarded memory.
func TestFloat64SumsInOrder(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float64]()
		require.Equal(t, active.String(), e.name)
		r := newRand(24)
		for rows := 1; rows <= e.rows; rows++ {
			for cols := 1; cols <= 3*e.cols; cols++ {
				for _, gathered := range []bool{false, true} {
					if cols > e.cols && !gathered {
						continue
					}
					kc := 1 + (3*rows+cols)%7
					p := panel[float64]{
						tiles: []rowTile{{0, rows}}, k: kc, kc: kc, width: e.width(cols), cols: cols, ldc: cols,
						a: guarded(t, random[float64](r, rows*kc), true),
						b: guarded(t, random[float64](r, kc*e.width(cols)), true),
						c: make([]float64, rows*cols),
					}
					if gathered {
						for k := range kc {
							p.offsets = append(p.offsets, int32((kc-1-k)*p.width))
						}
					}
					e.mul(&p)
					for i, got := range p.c {
						want := 0.
						for k := range kc {
							row := k * p.width
							if gathered {
								row = int(p.offsets[k])
							}
							want += float64(p.a[k*rows+i/cols] * p.b[row+i%cols]) // the conversion rounds
						}
						require.Equal(t, want, got, "%d x %d, depth %d, gathered %v", rows, cols, kc, gathered)
					}
				}
			}
		}
	})
}
