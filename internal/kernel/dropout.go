package kernel

import "convgraph/internal/splitmix"

// Dropout multiplies each element by 0 with probability rate (at least 0, below 1) and the others
// by 1/(1-rate): inverted dropout, Srivastava et al. 2014, section 10. Only key and i decide
// whether element i is kept, so the mask is the same on every platform and for both element types,
// and DropoutBackward recomputes it from the same key. x[0] is element number first.
func Dropout[T Float](x, y []T, rate float64, key uint64, first int) {
	forEach(kernels[T]().dropout, operands[T]{a: x, b: y, rate: rate, key: key, first: first})
}

// DropoutBackward is dx = dy·m, m being Dropout's mask of 0 and 1/(1-rate).
func DropoutBackward[T Float](dy, dx []T, rate float64, key uint64, first int) {
	Dropout(dy, dx, rate, key, first)
}

// mask draws Dropout's factors: scale for a kept element, 0 for a dropped one. An element is
// dropped if the upper 53 bits of its random number are below dropBelow.
type mask[T Float] struct {
	state, dropBelow uint64 // SplitMix64's state for the first element
	scale            T
}

func newMask[T Float](o operands[T]) mask[T] {
	state := splitmix.Mix(o.key) + uint64(o.first)*splitmix.Gamma
	return mask[T]{state, uint64(o.rate * (1 << 53)), T(1 / (1 - o.rate))}
}

func dropout[T Float](o operands[T]) {
	y := o.b[:len(o.a)]
	m := newMask(o)
	factors := [2]T{m.scale, 0}
	for i, v := range o.a {
		below := (splitmix.Mix(m.state)>>11 - m.dropBelow) >> 63 // 1 or 0; a branch would be mispredicted often
		y[i] = v * factors[below&1]
		m.state += splitmix.Gamma
	}
}
