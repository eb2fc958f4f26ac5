package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"
)

// Resize scales the image to Height x Width with a triangle filter: bilinear interpolation when it enlarges, an average
// weighted by distance over all the pixels that fall together when it reduces. Values are not clipped.
type Resize struct{ Height, Width int }

// Output is (C,Height,Width).
func (t Resize) Output(in tensor.Shape) (tensor.Shape, error) {
	if _, err := sampleSize(in); err != nil {
		return nil, fmt.Errorf("resize: %w", err)
	}
	if t.Height < 1 || t.Width < 1 || t.Height > maxSide || t.Width > maxSide {
		return nil, fmt.Errorf("resize to %dx%d: expected 1x1 to %dx%d", t.Height, t.Width, maxSide, maxSide)
	}
	return tensor.Shape{in[0], t.Height, t.Width}, nil
}

// Apply scales the rows, then the columns.
func (t Resize) Apply(dst, src Image, _ *rand.Rand) {
	scratch := resizeScratch.Get().(*[]float32)
	defer resizeScratch.Put(scratch)
	narrow := resized(scratch, src.Channels*src.Height*dst.Width)
	rows := src.Channels * src.Height
	resample(narrow, src.Pixels, rows, src.Width, dst.Width, 1)
	resample(dst.Pixels, narrow, src.Channels, src.Height, dst.Height, dst.Width)
}

var resizeScratch = sync.Pool{New: func() any { return new([]float32) }}

// resized returns buffer's memory as n values, growing it if it must.
func resized(buffer *[]float32, n int) []float32 {
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	return (*buffer)[:n]
}

// resample scales the middle axis of src (outer,in,inner) to that of dst (outer,out,inner).
//
// Output o has its centre at (o+1/2)·in/out of the input's axis, and input i weighs 1 - |i+1/2 - centre|/radius, the
// radius being in/out, and 1 at least. The weights are divided by their sum, so that the edges keep their brightness.
func resample(dst, src []float32, outer, in, out, inner int) {
	step := float64(in) / float64(out)
	radius := max(step, 1)
	clear(dst)
	for o := range out {
		centre := (float64(o) + 0.5) * step
		first := max(int(math.Floor(centre-radius)), 0)
		last := min(int(math.Ceil(centre+radius)), in)
		weight := func(i int) float64 { return max(1-math.Abs(float64(i)+0.5-centre)/radius, 0) }
		total := 0.0
		for i := first; i < last; i++ {
			total += weight(i)
		}
		for i := first; i < last; i++ {
			w := float32(weight(i) / total)
			if w == 0 {
				continue
			}
			for n := range outer {
				addScaled(dst[(n*out+o)*inner:][:inner], src[(n*in+i)*inner:][:inner], w)
			}
		}
	}
}

// addScaled adds w·src to dst, which is as long.
func addScaled(dst, src []float32, w float32) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] += w * v
	}
}
