package picture

import (
	"math"
	"slices"
)

// center scales the ink to fit 20x20 and puts it into 28x28 with its center of mass in the middle,
// unless it would stick out.
func center(p *plane) []float32 {
	p = p.fit(fittedSide)
	left, top := p.corner()
	pixels := make([]float32, digitSide*digitSide)
	for y := range p.height {
		copy(pixels[(top+y)*digitSide+left:], p.ink[y*p.width:(y+1)*p.width])
	}
	return pixels
}

// fit scales the longer side to the given number of pixels. Scaling down makes a thin line faint,
// so fit makes the darkest ink full again.
func (p *plane) fit(longer int) *plane {
	ratio := float64(longer) / float64(max(p.width, p.height))
	side := func(n int) int { return max(1, int(math.Round(ratio*float64(n)))) }
	q := &plane{width: side(p.width), height: side(p.height)}
	q.ink = make([]float32, q.width*q.height)
	if ratio < 1 {
		q.reduce(p)
	} else {
		Resize(q.image(), p.image())
	}
	full := slices.Max(q.ink)
	for i, v := range q.ink {
		q.ink[i] = v / full
	}
	return q
}

func (p *plane) image() Image {
	return Image{Channels: 1, Height: p.height, Width: p.width, Pixels: p.ink}
}

// corner returns the plane's top left corner for which its center of mass is in pixel 14, 14: in
// MNIST it is from 13.5 to 14.5, with pixels counted from 0, in every image.
func (p *plane) corner() (left, top int) {
	var mass, x, y float64
	for i, v := range p.ink {
		mass += float64(v)
		x += float64(v) * float64(i%p.width)
		y += float64(v) * float64(i/p.width)
	}
	start := func(moment float64, side int) int {
		return min(max(digitSide/2-int(math.Floor(moment/mass+0.5)), 0), digitSide-side)
	}
	return start(x, p.width), start(y, p.height)
}

// reduce scales down: each pixel of q is the mean of the part of p that it covers. MNIST was made
// in this way from larger black and white images.
func (q *plane) reduce(p *plane) {
	narrow := make([]float32, p.height*q.width)
	for y := range p.height {
		average(narrow[y*q.width:(y+1)*q.width], p.ink[y*p.width:(y+1)*p.width], 1)
	}
	average(q.ink, narrow, q.width)
}

// average scales a column of rows, each of the given length, down to that of dst, which must be
// zeros. An input on the edge between two results counts in each by its share.
func average(dst, src []float32, row int) {
	in, out := len(src)/row, len(dst)/row
	step := float64(in) / float64(out)
	for o := range out {
		from, to := float64(o)*step, float64(o+1)*step
		for i := int(from); i < min(int(math.Ceil(to)), in); i++ {
			share := float32((min(to, float64(i+1)) - max(from, float64(i))) / step)
			for k := range row {
				dst[o*row+k] += share * src[i*row+k]
			}
		}
	}
}
