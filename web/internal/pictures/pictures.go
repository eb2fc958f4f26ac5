// Package pictures bounds the memory of pictures that are decoded at the same time, and keeps small
// ones from waiting behind large ones.
package pictures

import (
	"context"
	"image"

	"golang.org/x/sync/semaphore"
)

// MostPixels of a picture: what a good telephone takes.
const MostPixels = 1 << 24

// lanes are the sizes of pictures, the smallest first, each with memory of its own. A picture waits
// only for others of its lane. A small one takes a few milliseconds to decode, and those that are
// under way share the processors with the large ones by Go's scheduler.
var lanes = [...]struct {
	pixels int   // of the largest picture
	memory int64 // bytes of all together, enough for one of the largest
}{
	{1 << 16, 64 << 20}, // 256x256, and icons and digits by the hundred
	{1 << 20, 128 << 20},
	{MostPixels, 320 << 20},
}

// Lanes share out the memory.
type Lanes struct {
	memory [len(lanes)]*semaphore.Weighted
}

// NewLanes are lanes without a picture.
func NewLanes() *Lanes {
	l := new(Lanes)
	for i, lane := range lanes {
		l.memory[i] = semaphore.NewWeighted(lane.memory)
	}
	return l
}

// Acquire waits until there is memory for a picture of at most [MostPixels]; release gives it back.
// The error is the context's.
func (l *Lanes) Acquire(ctx context.Context, size image.Point) (release func(), err error) {
	pixels := size.X * size.Y
	memory, lane := memoryOf(pixels), l.memory[laneOf(pixels)]
	if err := lane.Acquire(ctx, memory); err != nil {
		return nil, err
	}
	return func() { lane.Release(memory) }, nil
}

func laneOf(pixels int) int {
	for i, lane := range lanes {
		if pixels <= lane.pixels {
			return i
		}
	}
	return len(lanes) - 1
}

// memoryOf is what a picture takes while it is decoded, up to 8 bytes a pixel, turned upright, 4
// more, and prepared, up to 100 a pixel of the 2^20 that a digit's is reduced to.
func memoryOf(pixels int) int64 { return 12*int64(pixels) + 100*int64(min(pixels, 1<<20)) }
