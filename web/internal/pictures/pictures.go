// Package pictures bounds the memory of pictures that are decoded at the same time, without making
// small pictures wait for large ones.
package pictures

import (
	"context"
	"image"

	"golang.org/x/sync/semaphore"
)

// MostPixels is the limit of a picture's pixels, about those of a good phone's camera.
const MostPixels = 1 << 24

// lanes are classes of picture sizes, the smallest first, each with its own memory. A picture waits
// only for others in its lane.
var lanes = [...]struct {
	pixels int   // of the largest picture
	memory int64 // bytes of all together, enough for one of the largest
}{
	{1 << 16, 64 << 20}, // 256x256, and icons and digits by the hundred
	{1 << 20, 128 << 20},
	{MostPixels, 320 << 20},
}

// Lanes hand out memory for decoding.
type Lanes struct {
	memory [len(lanes)]*semaphore.Weighted
}

// NewLanes returns lanes with all memory free.
func NewLanes() *Lanes {
	l := new(Lanes)
	for i, lane := range lanes {
		l.memory[i] = semaphore.NewWeighted(lane.memory)
	}
	return l
}

// Acquire waits for memory for a picture of at most [MostPixels]; release returns it. An error is
// the context's.
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

// memoryOf is an upper bound in bytes: per pixel 8 to decode and 4 to rotate, and 100 to prepare a
// digit, which is first reduced to 2^20 pixels.
func memoryOf(pixels int) int64 { return 12*int64(pixels) + 100*int64(min(pixels, 1<<20)) }
