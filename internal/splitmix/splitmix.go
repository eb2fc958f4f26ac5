// Package splitmix is SplitMix64 (Steele, Lea and Flood 2014): a mixing function that turns related
// numbers, such as seeds and indices, into independent random ones.
package splitmix

// Gamma is the generator's increment: 2^64 divided by the golden ratio, made odd.
const Gamma = 0x9e3779b97f4a7c15

// Mix returns the generator's output for the state after x. Every bit of x changes half of the
// result's bits. Over a counter in steps of Gamma it is a generator with random access.
func Mix(x uint64) uint64 {
	x += Gamma
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
