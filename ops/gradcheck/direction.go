package gradcheck

// direction is a random vector of any length that takes no memory: each component is a function of
// its index. Components have random signs and magnitudes between 0.5 and 1.5, so that swapping two
// of them changes a product.
type direction uint64

func newDirection(seed, stream uint64, k int) direction {
	return direction(mix(mix(mix(seed)+stream) + uint64(k)))
}

func (d direction) at(i int) float64 {
	r := mix(uint64(d) + uint64(i))
	magnitude := 0.5 + float64(r>>11)*0x1p-53
	if r&1 == 0 {
		return -magnitude
	}
	return magnitude
}

// mix is SplitMix64 (Steele, Lea and Flood 2014): close arguments give unrelated values.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// span is the elements from … to-1.
type span struct{ from, to int }

func (s span) halves() (first, second span) {
	middle := s.from + (s.to-s.from)/2
	return span{s.from, middle}, span{middle, s.to}
}
