package ops

import (
	"fmt"

	"gorgonia.org/tensor"
)

// checkChannels wants a batch of images or vectors.
func checkChannels(name string, x tensor.Shape) error {
	if x.Dims() != 4 && x.Dims() != 2 || x.TotalSize() == 0 {
		return fmt.Errorf("%s: got shape %v, want (N, C, H, W) or (N, C)", name, x)
	}
	return nil
}

// planeSize is the number of values of one channel of a sample.
func planeSize(x tensor.Shape) int { return x.TotalSize() / (x[0] * x[1]) }

// withChannels is the shape with another number of channels.
func withChannels(x tensor.Shape, channels int) tensor.Shape {
	x = x.Clone()
	x[1] = channels
	return x
}

// every returns a function that gives the first index of block i; block 0 begins at first, and each
// further one step elements later.
func every(step, first int) func(i int) int { return func(i int) int { return i*step + first } }
