package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAffineTurned compares with the packed product, to the bit, on memory that ends or begins at a
// protected page.
func TestAffineTurned(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		if !e.rowMajor {
			assert.Nil(t, NewAffine[float32](20, 30, 40).forward.turned)
			return
		}
		for _, s := range [][3]int{{1, 1, 1}, {4, 5, 3}, {20, 30, 40}, {32, 2100, 35}, {33, 1025, 7}, {64, 77, 200}} {
			batch, in, out := s[0], s[1], s[2]
			r := newRand(30)
			x, w, bias := random[float32](r, batch*in), random[float32](r, out*in), random[float32](r, out)
			want := make([]float32, batch*out)
			for _, limits := range []Limits[float32]{{}, {Least: -0.5, Most: 2}} {
				for _, bias := range [][]float32{bias, nil} {
					a := NewAffine[float32](batch, in, out)
					a.forward = affineForward[float32]{batch: batch, in: in, out: out, product: newProduct[float32]()}
					a.ForwardWithin(limits, x, w, bias, want)
					a.forward.turned = newAffineTurned(e, batch, in, out)
					for _, workers := range []int{1, 3} {
						withWorkers(t, workers, func() {
							for _, atEnd := range []bool{false, true} {
								at := func(s []float32) []float32 { return guarded(t, s, atEnd) }
								got := at(make([]float32, batch*out))
								b := bias
								if b != nil {
									b = at(b)
								}
								a.ForwardWithin(limits, at(x), at(w), b, got)
								require.Equal(t, bitsOf(want), bitsOf(got), "%v, %d workers", s, workers)
							}
						})
					}
				}
			}
		}
	})
}
