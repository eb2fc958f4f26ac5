package viz

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"
)

// Orientation is the direction of the edges to which a filter responds.
type Orientation int

// The orientations, in display order.
const (
	Vertical Orientation = iota
	Horizontal
	Rising  // diagonal, from the lower left to the upper right
	Falling // diagonal, from the upper left to the lower right
	Blob    // no preferred direction
)

// String is "vertical".
func (o Orientation) String() string {
	return [...]string{"vertical", "horizontal", "diagonal /", "diagonal \\", "blob"}[o]
}

// leastCoherence is the coherence from which a filter has an orientation.
const leastCoherence = 0.3

// OrientationOf returns a filter's orientation, from its responses to waves of all directions.
// coherence says how clear it is, from 0 to 1. With the response e(a) to waves whose brightness
// changes along direction a,
//
//	r = Σa e(a)·exp(2i·a) / Σa e(a)     coherence |r|, direction arg(r)/2
//
// Waves that change from left to right have vertical edges.
func OrientationOf(f Planes) (o Orientation, coherence float64) {
	const directions = 36
	var sum complex128
	total := 0.0
	for d := range directions {
		angle := math.Pi * float64(d) / directions
		e := f.waveEnergy(angle)
		sum += complex(e, 0) * cmplx.Exp(complex(0, 2*angle))
		total += e
	}
	if total == 0 {
		return Blob, 0
	}
	r := sum / complex(total, 0)
	if coherence = cmplx.Abs(r); coherence < leastCoherence {
		return Blob, coherence
	}
	direction := cmplx.Phase(r) / 2 * 180 / math.Pi // -90 to 90
	switch {
	case math.Abs(direction) <= 22.5:
		return Vertical, coherence
	case math.Abs(direction) >= 67.5:
		return Horizontal, coherence
	case direction > 0: // brighter towards the lower right
		return Rising, coherence
	}
	return Falling, coherence
}

// waveEnergy sums the squared responses, over all phases, to waves along a direction with about one
// period or less in the filter.
func (f Planes) waveEnergy(angle float64) (energy float64) {
	sin, cos := math.Sincos(angle)
	for _, periods := range []float64{0.5, 0.75, 1} {
		frequency := 2 * math.Pi * periods / float64(max(f.Height, f.Width))
		for c := range f.Count {
			var answer complex128
			for i, v := range f.Plane(c) {
				x, y := float64(i%f.Width), float64(i/f.Width)
				answer += complex(float64(v), 0) * cmplx.Exp(complex(0, -frequency*(cos*x+sin*y)))
			}
			energy += real(answer)*real(answer) + imag(answer)*imag(answer)
		}
	}
	return energy
}

// ByOrientation sorts filter numbers by orientation, the clearest of each first.
func ByOrientation(f Filters, numbers []int) {
	type rank struct {
		orientation Orientation
		coherence   float64
	}
	ranks := map[int]rank{}
	for _, n := range numbers {
		o, c := OrientationOf(f.Filter(n))
		if o == Blob {
			c = -c // the roundest first
		}
		ranks[n] = rank{o, c}
	}
	slices.SortStableFunc(numbers, func(a, b int) int {
		return cmp.Or(cmp.Compare(ranks[a].orientation, ranks[b].orientation),
			cmp.Compare(ranks[b].coherence, ranks[a].coherence))
	})
}
