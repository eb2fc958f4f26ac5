package gradcheck

import "convgraph/internal/splitmix"

// direction is a random vector of any length that takes no memory: each component is a function of
// its index. Components have random signs and magnitudes between 0.5 and 1.5, so that swapping two
// of them changes a product.
type direction uint64

func newDirection(seed, stream uint64, k int) direction {
	return direction(splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)+stream) + uint64(k)))
}

func (d direction) at(i int) float64 {
	r := splitmix.Mix(uint64(d) + uint64(i))
	magnitude := 0.5 + float64(r>>11)*0x1p-53
	if r&1 == 0 {
		return -magnitude
	}
	return magnitude
}

// span is the elements from … to-1.
type span struct{ from, to int }

func (s span) halves() (first, second span) {
	middle := s.from + (s.to-s.from)/2
	return span{s.from, middle}, span{middle, s.to}
}
