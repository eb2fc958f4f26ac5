package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTraceRecordsParallelRegions(t *testing.T) {
	withWorkers(t, 3, func() {
		ran := 0
		regions := Trace(func() {
			Parallel(5, func(int, int) {
				ran++
				Parallel(4, func(int, int) { ran++ }) // part of its shard
			})
			Parallel(1, func(int, int) { ran++ }) // nothing to share
			Parallel(2, func(int, int) { ran++ })
		})
		assert.Equal(t, 5*5+1+2, ran)
		require.Len(t, regions, 2)
		assert.Len(t, regions[0], 5)
		assert.Len(t, regions[1], 2)
		assert.Equal(t, 3, Workers(), "as before")
	})
}

func TestTraceRestoresWorkersAfterPanic(t *testing.T) {
	withWorkers(t, 2, func() {
		assert.Panics(t, func() { Trace(func() { Parallel(2, func(int, int) { panic("shard") }) }) })
		assert.Equal(t, 2, Workers())
		assert.Len(t, Trace(func() { Parallel(2, func(int, int) {}) }), 1)
	})
}
