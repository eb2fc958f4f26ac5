package picture

import (
	"encoding/binary"
	"image"
	"math"
	"sync"
)

// Image is a picture as values: Channels planes of Height x Width, row-major.
type Image struct {
	Channels, Height, Width int
	Pixels                  []float32
}

// Plane returns the values of channel c.
func (m Image) Plane(c int) []float32 {
	n := m.Height * m.Width
	return m.Pixels[c*n : (c+1)*n]
}

// Row returns the values of row y of channel c.
func (m Image) Row(c, y int) []float32 {
	start := (c*m.Height + y) * m.Width
	return m.Pixels[start : start+m.Width]
}

// Resize scales src to the size of dst, which has as many channels, with a triangle filter:
// bilinear interpolation for enlarging, an average weighted by distance for reducing. It doesn't
// clip values.
func Resize(dst, src Image) {
	scratch := resizeScratch.Get().(*[]float32)
	defer resizeScratch.Put(scratch)
	rows := src.Channels * src.Height
	narrow := grown(scratch, rows*dst.Width)
	resample(narrow, src.Pixels, rows, src.Width, dst.Width, 1)
	resample(dst.Pixels, narrow, src.Channels, src.Height, dst.Height, dst.Width)
}

var resizeScratch = sync.Pool{New: func() any { return new([]float32) }}

// grown returns buffer's memory as n values, and enlarges it if needed.
func grown[T any](buffer *[]T, n int) []T {
	if cap(*buffer) < n {
		*buffer = make([]T, n)
	}
	return (*buffer)[:n]
}

// resample scales the middle axis of src (outer,in,inner) to that of dst (outer,out,inner).
//
// Output o has its center at (o+1/2)·in/out of the input's axis, and input i has weight 1 - |i+1/2
// - center|/radius, where the radius is in/out but at least 1. The weights are divided by their
// sum, so that the edges keep their brightness.
func resample(dst, src []float32, outer, in, out, inner int) {
	step := float64(in) / float64(out)
	radius := max(step, 1)
	clear(dst)
	for o := range out {
		center := (float64(o) + 0.5) * step
		first := max(int(math.Floor(center-radius)), 0)
		last := min(int(math.Ceil(center+radius)), in)
		weight := func(i int) float64 { return max(1-math.Abs(float64(i)+0.5-center)/radius, 0) }
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

// addScaled adds w·src to dst, which has the same length.
func addScaled(dst, src []float32, w float32) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] += w * v
	}
}

// intensity[p] is p/255 rounded once, the result of NumPy's and PyTorch's float32 division.
var intensity = func() (table [256]float32) {
	for p := range table {
		table[p] = float32(p) / 255
	}
	return table
}()

// Intensities writes 8-bit pixels as values in [0, 1]. Most pixels of a drawing are 0: handling
// eight zeros at a time takes half the time.
func Intensities(dst []float32, pixels []uint8) {
	dst = dst[:len(pixels)]
	for ; len(pixels) >= 8; pixels, dst = pixels[8:], dst[8:] {
		if binary.LittleEndian.Uint64(pixels) == 0 {
			clear(dst[:8])
			continue
		}
		for i, p := range pixels[:8] {
			dst[i] = intensity[p]
		}
	}
	for i, p := range pixels {
		dst[i] = intensity[p]
	}
}

// planes writes the part of src that begins at corner, channel by channel: red, green and blue, or
// only the luma. Transparent parts are over black.
func planes(dst []uint8, src *image.RGBA, corner image.Point, channels, height, width int) {
	plane := height * width
	for y := range height {
		row := src.Pix[src.PixOffset(corner.X, corner.Y+y):][:4*width]
		for x := range width {
			i, p := y*width+x, row[4*x:4*x+3:4*x+3]
			if channels == 1 {
				dst[i] = luma(p[0], p[1], p[2])
				continue
			}
			dst[i], dst[plane+i], dst[2*plane+i] = p[0], p[1], p[2]
		}
	}
}

// luma is JFIF's brightness; the weights sum to 2^16, so that gray values don't change.
func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}
