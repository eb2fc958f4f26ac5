package ops

import (
	"math"

	"convgraph/internal/kernel"
)

// A limiter is an activation that only bounds its argument. At the end of a fused op the kernel
// applies it before the results go to memory.
type limiter struct {
	Function
	low, high float64
}

func rectifier() limiter { return limiter{ReLUFunction(), 0, math.Inf(1)} }

func clipper(low, high float64) limiter { return limiter{ClipFunction(low, high), low, high} }

func limitsOf[T kernel.Float](l limiter) kernel.Limits[T] {
	return kernel.Limits[T]{Least: T(l.low), Most: T(l.high)}
}

// with returns the attributes of an op that ends with the activation.
func (l limiter) with(attributes string) string {
	if own := l.Attributes(); own != "" {
		attributes += ", " + own
	}
	return attributes
}
