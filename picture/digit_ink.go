package picture

import (
	"math"
	"slices"
)

// leastContrast is how far apart two colours must be to be ink and background; black and white are
// 1 apart.
const leastContrast = 0.04

// scale runs from a background's colour, which is no ink, to an ink's.
type scale struct {
	background, full colour
	noise            float32 // how much ink the background itself seems to have
}

func (s scale) contrast() float64 { return distance(s.background, s.full) }

func (s scale) ink() Ink {
	if s.full.luma() < s.background.luma() {
		return Dark
	}
	return Light
}

// at is how much ink a colour is, by its place on the way from the background to the full ink; it
// may be less than 0 or more than 1.
func (s scale) at(c colour) float32 {
	way := s.full.minus(s.background)
	return c.minus(s.background).dot(way) / way.dot(way)
}

// distance of two colours, 1 between black and white.
func distance(a, b colour) float64 {
	d := a.minus(b)
	return math.Sqrt(float64(d.dot(d)) / 3)
}

// scale finds background and ink. If the border speaks against the ink that is wanted, then the
// border is no background, and the lightest tenth of the picture is (or the darkest, for light
// ink).
func (c *canvas) scale(want Ink) scale {
	border := c.border()
	s := c.scaleFrom(median(border), border)
	if want == Detect || want == s.ink() {
		return s
	}
	ground := c.extreme(want)
	s = c.scaleFrom(mean(ground), ground)
	if s.ink() != want {
		s.full = s.background // all that isn't background is on the wrong side of it
	}
	return s
}

func (c *canvas) scaleFrom(background colour, sample []colour) scale {
	s := scale{background: background, full: c.farthest(background)}
	if s.contrast() < leastContrast {
		return s
	}
	deviations := make([]float32, len(sample))
	for i, p := range sample {
		deviations[i] = float32(math.Abs(float64(s.at(p))))
	}
	slices.Sort(deviations)
	const deviationsOfNoise, most = 5, 0.4
	s.noise = min(deviationsOfNoise*deviations[len(deviations)/2], most)
	return s
}

// border is a ring around the picture.
func (c *canvas) border() (ring []colour) {
	thickness := max(1, min(c.width, c.height)/40)
	for y := range c.height {
		for x := range c.width {
			if min(x, y, c.width-1-x, c.height-1-y) < thickness {
				ring = append(ring, c.pixels[y*c.width+x])
			}
		}
	}
	return ring
}

// farthest is the colour that is farthest from the background: the mean of the pixels that are
// about as far as the farthest thousandth.
func (c *canvas) farthest(background colour) colour {
	const bins, share = 256, 1000
	bin := func(p colour) int { return min(int(bins*distance(p, background)), bins-1) }
	var counts [bins]int
	for _, p := range c.pixels {
		counts[bin(p)]++
	}
	limit, above := bins-1, counts[bins-1]
	for above == 0 || above < len(c.pixels)/share {
		limit--
		above += counts[limit]
	}
	var far []colour
	for _, p := range c.pixels {
		if bin(p) >= limit {
			far = append(far, p)
		}
	}
	return mean(far)
}

// extreme are the lightest tenth of the pixels for dark ink, the darkest for light ink.
func (c *canvas) extreme(ink Ink) []colour {
	sorted := slices.Clone(c.pixels)
	slices.SortFunc(sorted, func(a, b colour) int {
		switch x, y := a.luma(), b.luma(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	n := max(1, len(sorted)/10)
	if ink == Dark {
		return sorted[len(sorted)-n:]
	}
	return sorted[:n]
}

// median of each channel, for which some ink on the border is no matter.
func median(colours []colour) (m colour) {
	values := make([]float32, len(colours))
	for k := range m {
		for i, c := range colours {
			values[i] = c[k]
		}
		slices.Sort(values)
		m[k] = values[len(values)/2]
	}
	return m
}

func mean(colours []colour) (m colour) {
	var sums [3]float64
	for _, c := range colours {
		for k := range sums {
			sums[k] += float64(c[k])
		}
	}
	for k := range m {
		m[k] = float32(sums[k] / float64(len(colours)))
	}
	return m
}

// ink is the picture on the scale, with what may be noise of the background taken away.
func (c *canvas) ink(s scale) *plane {
	p := &plane{width: c.width, height: c.height, ink: make([]float32, len(c.pixels))}
	for i, v := range c.pixels {
		p.ink[i] = min(max((s.at(v)-s.noise)/(1-s.noise), 0), 1)
	}
	return p
}
