package picture

import "slices"

// plane holds ink from 0 to 1 in rows.
type plane struct {
	width, height int
	ink           []float32
}

const (
	// rim is the least ink of a pixel that counts for a stroke's extent and weight: less is the
	// blur around it.
	rim = 0.2
	// speckShare is the fraction of the heaviest stroke's weight below which an isolated stroke is
	// dust on the scanner or noise.
	speckShare = 0.02
)

// dropSpecks clears such strokes.
func (p *plane) dropSpecks() {
	strokes, masses := p.strokes()
	heaviest := slices.Max(masses)
	for i, stroke := range strokes {
		if masses[stroke] < speckShare*heaviest {
			p.ink[i] = 0
		}
	}
}

// strokes numbers the connected pieces of ink, including diagonal neighbors, from 1, and weighs
// them; number 0 is no ink.
func (p *plane) strokes() (numbers []int, masses []float64) {
	numbers, masses = make([]int, len(p.ink)), []float64{0}
	var open []int
	for start := range p.ink {
		if p.ink[start] == 0 || numbers[start] > 0 {
			continue
		}
		number := len(masses)
		masses = append(masses, 0)
		numbers[start] = number
		for open = append(open, start); len(open) > 0; {
			i := open[len(open)-1]
			open = open[:len(open)-1]
			if p.ink[i] > rim {
				masses[number] += float64(p.ink[i])
			}
			p.eachNeighbor(i, func(j int) {
				if p.ink[j] > 0 && numbers[j] == 0 {
					numbers[j] = number
					open = append(open, j)
				}
			})
		}
	}
	return numbers, masses
}

func (p *plane) eachNeighbor(i int, visit func(j int)) {
	x, y := i%p.width, i/p.width
	for ny := max(y-1, 0); ny <= min(y+1, p.height-1); ny++ {
		for nx := max(x-1, 0); nx <= min(x+1, p.width-1); nx++ {
			visit(ny*p.width + nx)
		}
	}
}

// cropped returns the smallest part with all ink except its blur.
func (p *plane) cropped() *plane {
	left, top, right, bottom := p.width, p.height, 0, 0
	for i, v := range p.ink {
		if v > rim {
			x, y := i%p.width, i/p.width
			left, right = min(left, x), max(right, x+1)
			top, bottom = min(top, y), max(bottom, y+1)
		}
	}
	c := &plane{width: right - left, height: bottom - top}
	for y := top; y < bottom; y++ {
		c.ink = append(c.ink, p.ink[y*p.width+left:y*p.width+right]...)
	}
	return c
}
