package pictures

import (
	"context"
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLanes: a picture waits only for others in its lane.
func TestLanes(t *testing.T) {
	l := NewLanes()
	acquire := func(side int) (func(), error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		return l.Acquire(ctx, image.Pt(side, side))
	}
	large, err := acquire(4096)
	require.NoError(t, err)
	_, err = acquire(4096)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	medium, err := acquire(1024)
	require.NoError(t, err)
	for range 100 {
		_, err := acquire(28)
		require.NoError(t, err, "small ones don't wait")
	}
	large()
	medium()
	for _, side := range []int{4096, 1024} {
		release, err := acquire(side)
		require.NoError(t, err)
		release()
	}
}

// TestEveryLaneTakesItsLargest: a lane's largest picture fits its memory; otherwise it would wait
// forever.
func TestEveryLaneTakesItsLargest(t *testing.T) {
	total := int64(0)
	for i, lane := range lanes {
		assert.LessOrEqual(t, memoryOf(lane.pixels), lane.memory, i)
		assert.Equal(t, i, laneOf(lane.pixels))
		total += lane.memory
	}
	assert.EqualValues(t, 512<<20, total)
	assert.Equal(t, 0, laneOf(1))
	assert.Equal(t, 1, laneOf(1<<16+1))
	assert.Equal(t, 2, laneOf(1<<20+1))
}
