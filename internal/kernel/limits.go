package kernel

import "math"

// Limits bound results: y = min(max(y, Least), Most). NaN stays NaN. A limit may be infinite; the
// zero Limits are none.
type Limits[T Float] struct{ Least, Most T }

// AtLeast0 are the limits of a ReLU.
func AtLeast0[T Float]() Limits[T] { return Limits[T]{0, T(math.Inf(1))} }

// bounds returns the limits, infinite where there are none.
func (l Limits[T]) bounds() (least, most T) {
	if l == (Limits[T]{}) {
		return T(math.Inf(-1)), T(math.Inf(1))
	}
	return l.Least, l.Most
}
