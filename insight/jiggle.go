package insight

import (
	"math"
	"math/rand/v2"
)

// A jiggle turns, scales and moves a picture a little. A pattern that still excites the unit is a
// shape that pictures can have, not noise.
type jiggle struct {
	side    int
	outside float64 // the value of what comes in from outside
	sources []source
}

// source is the position that a pixel is read from, between four pixels.
type source struct {
	x, y   int
	dx, dy float64
}

// newJiggle returns a random jiggle. Amount 1 moves a picture by up to a sixteenth of its side,
// turns it by up to 5° and scales it by up to 5%.
func newJiggle(side int, amount, outside float64, r *rand.Rand) *jiggle {
	uniform := func(most float64) float64 { return amount * most * (2*r.Float64() - 1) }
	angle, scale := uniform(5*math.Pi/180), 1+uniform(0.05)
	moveX, moveY := uniform(float64(side)/16), uniform(float64(side)/16)
	j := &jiggle{side: side, outside: outside, sources: make([]source, side*side)}
	middle := float64(side-1) / 2
	sin, cos := math.Sincos(angle)
	for i := range j.sources {
		u, v := (float64(i%side)-middle)*scale, (float64(i/side)-middle)*scale
		x, y := cos*u-sin*v+middle+moveX, sin*u+cos*v+middle+moveY
		left, top := math.Floor(x), math.Floor(y)
		j.sources[i] = source{int(left), int(top), x - left, y - top}
	}
	return j
}

// each calls use with the four pixels that a pixel is read from and their shares; inside is false
// for those outside the picture.
func (j *jiggle) each(s source, use func(pixel int, share float64, inside bool)) {
	for _, n := range [4]struct {
		x, y  int
		share float64
	}{
		{s.x, s.y, (1 - s.dx) * (1 - s.dy)}, {s.x + 1, s.y, s.dx * (1 - s.dy)},
		{s.x, s.y + 1, (1 - s.dx) * s.dy}, {s.x + 1, s.y + 1, s.dx * s.dy},
	} {
		inside := n.x >= 0 && n.y >= 0 && n.x < j.side && n.y < j.side
		use(n.y*j.side+n.x, n.share, inside)
	}
}

// apply moves a plane.
func (j *jiggle) apply(dst, plane []float64) {
	for i, s := range j.sources {
		sum := 0.0
		j.each(s, func(pixel int, share float64, inside bool) {
			if inside {
				sum += share * plane[pixel]
				return
			}
			sum += share * j.outside
		})
		dst[i] = sum
	}
}

// back is the transpose of apply: it adds the moved plane's gradient to dst.
func (j *jiggle) back(dst, gradient []float64) {
	for i, s := range j.sources {
		j.each(s, func(pixel int, share float64, inside bool) {
			if inside {
				dst[pixel] += share * gradient[i]
			}
		})
	}
}
