package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// A spec may come from anyone, so its sizes are bounded before memory is allocated for it.
const (
	maxSide     = 1 << 20 // of an input, a window, a stride, a padding, a neighborhood; and of a batch
	maxLayers   = 10_000  // a graph takes kilobytes for each layer, and gorgonia's time grows faster than linearly
	maxReads    = 100_000 // of all layers together
	maxJoin     = 1024    // values that one layer reads: gorgonia's type inference takes quadratic time
	maxElements = 1 << 31 // of all parameters together, and of one sample's activations together
)

// elements returns the number of elements of a shape, or maxElements+1 if there are more: the plain
// product could overflow.
func elements(s tensor.Shape) int64 {
	n := int64(1)
	for _, d := range s {
		if d > 0 && n > maxElements/int64(d) {
			return maxElements + 1
		}
		n *= int64(d)
	}
	return n
}

// inFloat32 reports whether a number stays finite in float32.
func inFloat32(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

// batched returns the shape of a batch of n samples.
func batched(n int, sample tensor.Shape) tensor.Shape {
	return append(tensor.Shape{n}, sample...)
}

// wantImage returns an error unless the shape is (C, H, W).
func wantImage(in tensor.Shape) error {
	if in.Dims() != 3 {
		return fmt.Errorf("input: got %v, want (channels, height, width)", in)
	}
	return nil
}

// checkGroups returns an error unless channels divide into groups of one size.
func checkGroups(channels, groups int) error {
	if groups < 1 || channels%groups != 0 {
		return fmt.Errorf("got %d channels for %d groups, want a multiple", channels, groups)
	}
	return nil
}

// checkPadding bounds the rows, columns or channels that a padding adds.
func checkPadding(sizes ...int) error {
	for _, n := range sizes {
		if n < 0 || n > maxSide {
			return fmt.Errorf("got a padding of %d, want 0 to %d", n, maxSide)
		}
	}
	return nil
}

// checkWindow bounds the kernel, stride, padding and dilation of a window.
func checkWindow(pairs ...Pair) error {
	for _, p := range pairs {
		for _, n := range p {
			if n > maxSide || n < -maxSide {
				return fmt.Errorf("got %d in a window's sizes, want at most %d", n, maxSide)
			}
		}
	}
	return nil
}
