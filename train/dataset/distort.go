package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// Distort moves the pixels of an image in one bilinear interpolation: a random shift, rotation and
// scale around its center, and the elastic distortion of Simard, Steinkraus and Platt 2003, "Best
// practices for convolutional neural networks applied to visual document analysis". Outside pixels
// are zero, or with Edge the nearest pixel. The zero value changes nothing.
type Distort struct {
	Shift  float64 // pixels: each direction's shift is uniform in [-Shift, Shift]
	Rotate float64 // degrees: the angle is uniform in [-Rotate, Rotate]
	Scale  float64 // the factor is uniform in [1-Scale, 1+Scale]
	// ElasticAlpha scales displacements that are uniform in [-1, 1] for every pixel and direction
	// and then blurred by a Gaussian with a standard deviation of ElasticSigma pixels. The paper
	// uses 34 and 4 for digits of 29x29.
	ElasticAlpha, ElasticSigma float64
	Edge                       bool
}

// Output returns the shape of the image.
func (t Distort) Output(in tensor.Shape) (tensor.Shape, error) {
	const most = 1 << 10 // beyond it the image is gone, and the blur's window no longer small
	for _, f := range []struct {
		name         string
		value, limit float64
	}{{"shift", t.Shift, most}, {"rotation", t.Rotate, 180}, {"scale", t.Scale, 0.99},
		{"elastic alpha", t.ElasticAlpha, most}, {"elastic sigma", t.ElasticSigma, most}} {
		if !(f.value >= 0 && f.value <= f.limit) {
			return nil, fmt.Errorf("distort: %s %v: want 0 to %v", f.name, f.value, f.limit)
		}
	}
	if t.ElasticAlpha > 0 && t.ElasticSigma == 0 {
		return nil, fmt.Errorf("distort: elastic sigma 0: want more than 0 with an elastic alpha of %v", t.ElasticAlpha)
	}
	return sameShape("distort", in)
}

// Apply draws the two shifts, the angle and the scale, then the displacements if there are any.
//
// Output pixel q takes its value from p = middle + R(-angle)·(q - middle - shift)/scale +
// displacement(q).
func (t Distort) Apply(dst, src picture.Image, rng *rand.Rand) {
	shiftX, shiftY := between(rng, t.Shift), between(rng, t.Shift)
	sin, cos := math.Sincos(between(rng, t.Rotate) * math.Pi / 180)
	scale := 1 + between(rng, t.Scale)
	sin, cos = sin/scale, cos/scale

	s := distortScratch.Get().(*fields)
	defer distortScratch.Put(s)
	moveX, moveY := s.displacements(t, src.Height, src.Width, rng)

	middleX, middleY := float64(src.Width-1)/2, float64(src.Height-1)/2
	for y := range dst.Height {
		for x := range dst.Width {
			u, v := float64(x)-middleX-shiftX, float64(y)-middleY-shiftY
			px, py := middleX+cos*u+sin*v, middleY-sin*u+cos*v
			i := y*dst.Width + x
			if moveX != nil {
				px += float64(moveX[i])
				py += float64(moveY[i])
			}
			if t.Edge {
				px, py = min(max(px, 0), float64(src.Width-1)), min(max(py, 0), float64(src.Height-1))
			}
			interpolate(dst, i, src, px, py)
		}
	}
}

// between draws a uniform number in [-limit, limit).
func between(rng *rand.Rand, limit float64) float64 { return (2*rng.Float64() - 1) * limit }

// interpolate sets pixel i of dst in every channel to src at column px and row py, from the four
// pixels around it.
func interpolate(dst picture.Image, i int, src picture.Image, px, py float64) {
	left, top := math.Floor(px), math.Floor(py)
	if left < -1 || top < -1 || left >= float64(src.Width) || top >= float64(src.Height) {
		for c := range dst.Channels {
			dst.Plane(c)[i] = 0
		}
		return
	}
	x, y := int(left), int(top)
	fx, fy := float32(px-left), float32(py-top)
	for c := range dst.Channels {
		plane := src.Plane(c)
		upper := (1-fx)*at(plane, src, y, x) + fx*at(plane, src, y, x+1)
		lower := (1-fx)*at(plane, src, y+1, x) + fx*at(plane, src, y+1, x+1)
		dst.Plane(c)[i] = (1-fy)*upper + fy*lower
	}
}

func at(plane []float32, m picture.Image, y, x int) float32 {
	if y < 0 || y >= m.Height || x < 0 || x >= m.Width {
		return 0
	}
	return plane[y*m.Width+x]
}

// fields is the memory of the elastic displacements: one field for each direction, and one between
// the two passes of the blur.
type fields struct{ x, y, half, window []float32 }

var distortScratch = sync.Pool{New: func() any { return new(fields) }}

// displacements draws the elastic displacement of every pixel, in pixels. It returns nil without
// elastic distortion.
func (s *fields) displacements(t Distort, height, width int, rng *rand.Rand) (x, y []float32) {
	if t.ElasticAlpha == 0 {
		return nil, nil
	}
	window := s.gaussian(t.ElasticSigma)
	half := resized(&s.half, height*width)
	x, y = resized(&s.x, height*width), resized(&s.y, height*width)
	for _, field := range [][]float32{x, y} {
		for i := range field {
			field[i] = float32(between(rng, t.ElasticAlpha))
		}
		for row := 0; row < len(field); row += width {
			blur(half[row:row+width], field[row:row+width], 1, window)
		}
		blur(field, half, width, window)
	}
	return x, y
}

// gaussian returns half of the blur's window, from its center to three standard deviations. The
// whole window sums to 1.
func (s *fields) gaussian(sigma float64) []float32 {
	window := resized(&s.window, int(math.Ceil(3*sigma))+1)
	sum := 0.0
	for i := range window {
		v := math.Exp(-float64(i*i) / (2 * sigma * sigma))
		window[i] = float32(v)
		if i > 0 {
			v *= 2
		}
		sum += v
	}
	for i := range window {
		window[i] /= float32(sum)
	}
	return window
}

// blur convolves the columns of src with the symmetric window, padded with zeros. Rows have width
// values; a single row is blurred along itself, as columns of one value.
func blur(dst, src []float32, width int, window []float32) {
	for i, v := range src {
		dst[i] = window[0] * v
	}
	for d := 1; d < len(window) && d*width < len(src); d++ {
		inside := len(src) - d*width
		addScaled(dst[:inside], src[d*width:], window[d])
		addScaled(dst[d*width:], src[:inside], window[d])
	}
}

// addScaled adds w·src to dst, which has the same length.
func addScaled(dst, src []float32, w float32) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] += w * v
	}
}
