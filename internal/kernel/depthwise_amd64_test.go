//go:build amd64 && !purego

package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWeighPlane compares 3x3 windows around each element with the general kernel, to the bit, and
// on memory that ends at a protected page.
func TestWeighPlane(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active != isaAVX512 {
			return // only there masks are fast
		}
		for width := 1; width <= 17; width++ {
			for _, height := range []int{1, 2, 3, 4, 5, 9, 16} {
				s := ConvShape{
					Batch: 2, InChannels: 3, InHeight: height, InWidth: width, OutChannels: 6, Groups: 3,
					KernelH: 3, KernelW: 3, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
				}
				r := newRand(33)
				nx, nw, ny := s.sizes()
				w, bias := random[float32](r, nw), random[float32](r, s.OutChannels)
				w[4], bias[1] = float32(math.Inf(1)), float32(math.Copysign(0, -1))
				forward := func(around, after bool) []uint32 {
					c := NewConv[float32](s)
					p, ok := c.byPlane.(*channelConv)
					if !ok {
						return nil // the windows are mostly padding
					}
					require.Equal(t, width <= 16, p.around)
					p.around = p.around && around
					x, y := guarded(t, random[float32](newRand(34), nx), after), guarded(t, make([]float32, ny), after)
					c.ForwardWithin(Limits[float32]{Least: -0.5, Most: 0.75}, x, w, bias, y)
					return bitsOf(y)
				}
				want := forward(false, true)
				require.Equal(t, want, forward(true, true), "%+v", s)
				require.Equal(t, want, forward(true, false), "%+v", s)
			}
		}
	})
}

// TestWeighPlaneIsChosenByShape: only windows around each element of a narrow plane are read so.
func TestWeighPlaneIsChosenByShape(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaGeneric {
			return // which has no kernels for planes
		}
		around := func(change func(s *ConvShape)) bool {
			s := ConvShape{
				Batch: 1, InChannels: 4, InHeight: 9, InWidth: 9, OutChannels: 4, Groups: 4, KernelH: 3, KernelW: 3,
				PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
			}
			change(&s)
			p, ok := NewConv[float32](s).byPlane.(*channelConv)
			return ok && p.around
		}
		assert.Equal(t, active == isaAVX512, around(func(*ConvShape) {}))
		for what, change := range map[string]func(s *ConvShape){
			"top": func(s *ConvShape) { s.PadTop = 0 }, "bottom": func(s *ConvShape) { s.PadBottom = 0 },
			"left": func(s *ConvShape) { s.PadLeft = 0 }, "right": func(s *ConvShape) { s.PadRight = 2 },
			"row stride": func(s *ConvShape) { s.StrideH = 2 }, "column stride": func(s *ConvShape) { s.StrideW = 2 },
			"rows apart":    func(s *ConvShape) { s.DilationH = 2 },
			"columns apart": func(s *ConvShape) { s.DilationW = 2 },
			"height":        func(s *ConvShape) { s.KernelH = 5 }, "width": func(s *ConvShape) { s.KernelW = 5 },
			"wide plane": func(s *ConvShape) { s.InWidth = 17 },
		} {
			assert.False(t, around(change), what)
		}
	})
}

// TestRowBands compares the bands of large planes with whole planes, to the bit, on memory that
// ends or begins at a protected page.
func TestRowBands(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		if active == isaGeneric {
			return // which has no kernels for planes
		}
		for _, l := range []struct {
			height, width, kernel, stride, pad, dilation, filters int
			cut                                                   bool
		}{
			{112, 112, 3, 2, 1, 1, 1, true}, {112, 112, 3, 1, 1, 1, 1, true}, {113, 97, 3, 2, 0, 1, 2, true},
			{101, 90, 5, 2, 2, 1, 1, true}, {300, 40, 3, 1, 1, 1, 2, true}, {130, 75, 3, 1, 2, 2, 1, true},
			{90, 131, 4, 2, 3, 1, 1, true}, {64, 300, 3, 1, 1, 1, 1, true}, {41, 900, 2, 2, 1, 1, 1, true},
			{56, 56, 3, 1, 1, 1, 1, false}, {200, 60, 31, 1, 15, 1, 1, false},
		} {
			s := ConvShape{
				Batch: 2, InChannels: 2, InHeight: l.height, InWidth: l.width, OutChannels: 2 * l.filters, Groups: 2,
				KernelH: l.kernel, KernelW: l.kernel, StrideH: l.stride, StrideW: l.stride, DilationH: l.dilation,
				DilationW: l.dilation, PadTop: l.pad, PadBottom: l.pad / 2, PadLeft: l.pad, PadRight: l.pad,
			}
			r := newRand(35)
			nx, nw, ny := s.sizes()
			w, bias := random[float32](r, nw), random[float32](r, s.OutChannels)
			forward := func(bands, after bool) []uint32 {
				c := NewConv[float32](s)
				p := c.byPlane.(*channelConv)
				assert.Equal(t, l.cut, len(p.bands) > 1, "%+v", l)
				if !bands {
					p.bands = []rowBand{{windows: &p.windows}}
				}
				x, y := guarded(t, random[float32](newRand(36), nx), after), guarded(t, make([]float32, ny), after)
				c.ForwardWithin(Limits[float32]{Least: -0.5, Most: 0.75}, x, w, bias, y)
				return bitsOf(y)
			}
			want := forward(false, true)
			require.Equal(t, want, forward(true, true), "%+v", l)
			require.Equal(t, want, forward(true, false), "%+v", l)
		}
	})
}

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
					p.nine, p.around = nine, false
					y := make([]float32, ny)
					c.ForwardWithin(Limits[float32]{Least: -0.5, Most: 0.75}, x, w, bias, y)
					return bitsOf(y)
				}
				require.Equal(t, forward(false), forward(true), "%+v", s)
			}
		}
	})
}
