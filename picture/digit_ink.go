package picture

import (
	"math"
	"slices"
)

// leastContrast is the least distance between ink and background; black and white are 1 apart.
const leastContrast = 0.04

// scale runs from a background's color, which is no ink, to full ink.
type scale struct {
	background, full color
	noise            float32 // ink level of the background's own variation
}

func (s scale) contrast() float64 { return distance(s.background, s.full) }

func (s scale) ink() Ink {
	if s.full.luma() < s.background.luma() {
		return Dark
	}
	return Light
}

// at returns the ink level of a color: its position between the background and full ink, which may
// be below 0 or above 1.
func (s scale) at(c color) float32 {
	way := s.full.minus(s.background)
	return c.minus(s.background).dot(way) / way.dot(way)
}

// distance returns the distance of two colors, 1 between black and white.
func distance(a, b color) float64 {
	d := a.minus(b)
	return math.Sqrt(float64(d.dot(d)) / 3)
}

// scale finds background and ink. If the border contradicts the wanted ink, the background is not
// the border's color but that of the lightest tenth of the picture (the darkest, for light ink).
func (c *canvas) scale(want Ink) scale {
	border := c.border()
	s := c.scaleFrom(median(border), border)
	if want == Detect || want == s.ink() {
		return s
	}
	ground := c.extreme(want)
	s = c.scaleFrom(mean(ground), ground)
	if s.ink() != want {
		s.full = s.background // nothing is on the wanted side of the background
	}
	return s
}

func (c *canvas) scaleFrom(background color, sample []color) scale {
	s := scale{background: background, full: c.farthest(background)}
	if s.contrast() < leastContrast {
		return s
	}
	deviations := make([]float32, len(sample))
	for i, p := range sample {
		deviations[i] = float32(math.Abs(float64(s.at(p))))
	}
	slices.Sort(deviations)
	const noiseFactor, most = 5, 0.4
	s.noise = min(noiseFactor*deviations[len(deviations)/2], most)
	return s
}

// border returns a ring around the picture.
func (c *canvas) border() (ring []color) {
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

// farthest returns the color farthest from the background: the mean of the pixels about as far as
// the farthest thousandth.
func (c *canvas) farthest(background color) color {
	const bins, share = 256, 1000
	bin := func(p color) int { return min(int(bins*distance(p, background)), bins-1) }
	var counts [bins]int
	for _, p := range c.pixels {
		counts[bin(p)]++
	}
	limit, above := bins-1, counts[bins-1]
	for above == 0 || above < len(c.pixels)/share {
		limit--
		above += counts[limit]
	}
	var far []color
	for _, p := range c.pixels {
		if bin(p) >= limit {
			far = append(far, p)
		}
	}
	return mean(far)
}

// extreme returns the lightest tenth of the pixels for dark ink, the darkest for light ink.
func (c *canvas) extreme(ink Ink) []color {
	sorted := slices.Clone(c.pixels)
	slices.SortFunc(sorted, func(a, b color) int {
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

// median returns the median of each channel, which some ink on the border doesn't change.
func median(colors []color) (m color) {
	values := make([]float32, len(colors))
	for k := range m {
		for i, c := range colors {
			values[i] = c[k]
		}
		slices.Sort(values)
		m[k] = values[len(values)/2]
	}
	return m
}

func mean(colors []color) (m color) {
	var sums [3]float64
	for _, c := range colors {
		for k := range sums {
			sums[k] += float64(c[k])
		}
	}
	for k := range m {
		m[k] = float32(sums[k] / float64(len(colors)))
	}
	return m
}

// ink returns the picture on the scale, minus the background's noise.
func (c *canvas) ink(s scale) *plane {
	p := &plane{width: c.width, height: c.height, ink: make([]float32, len(c.pixels))}
	for i, v := range c.pixels {
		p.ink[i] = min(max((s.at(v)-s.noise)/(1-s.noise), 0), 1)
	}
	return p
}
