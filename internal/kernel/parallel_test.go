package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/testutil"
)

// withWorkers runs f under n workers and restores the default.
func withWorkers(t testing.TB, n int, f func()) {
	t.Helper()
	SetWorkers(n)
	defer SetWorkers(0)
	f()
}

func TestParallelRunsEveryShardOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		withWorkers(t, workers, func() {
			assert.Equal(t, workers, Workers())
			for _, shards := range []int{0, 1, 2, 3, 7, 64, 1000} {
				seen := make([]int32, shards)
				Parallel(shards, func(_, i int) { atomic.AddInt32(&seen[i], 1) })
				for i, n := range seen {
					require.EqualValues(t, 1, n, "shard %d of %d on %d workers", i, shards, workers)
				}
			}
		})
	}
}

// A workspace for each worker needs no lock only if a worker runs one shard at a time.
func TestParallelWorkersRunOneShardAtATime(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		withWorkers(t, workers, func() {
			busy := make([]atomic.Bool, workers)
			for range 200 {
				Parallel(40, func(worker, _ int) {
					if !busy[worker].CompareAndSwap(false, true) {
						t.Errorf("worker %d of %d runs two shards at once", worker, workers)
					}
					runtime.Gosched()
					busy[worker].Store(false)
				})
			}
		})
	}
}

// While a worker is held up in one shard, others run the rest of its share.
func TestParallelHelpsWithOtherShares(t *testing.T) {
	withWorkers(t, 3, func() {
		const shards = 100
		for _, slow := range []int{0, 50, shards - 1} {
			var others sync.WaitGroup
			others.Add(shards - 1)
			Parallel(shards, func(_, shard int) {
				if shard == slow {
					others.Wait()
					return
				}
				others.Done()
			})
		}
	})
}

func TestParallelOfTooManyShards(t *testing.T) {
	withWorkers(t, 2, func() {
		n := 0
		Parallel(maxShards+1, func(int, int) { n++ }) // on the caller, so unguarded
		assert.Equal(t, maxShards+1, n)
	})
}

func TestPerWorker(t *testing.T) {
	var p perWorker[int]
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() { *p.of(worker) = worker })
	}
	wg.Wait()
	for worker := range 20 {
		assert.Equal(t, worker, *p.of(worker), "its own workspace, unchanged")
	}
	assert.Zero(t, testing.AllocsPerRun(10, func() { p.of(7) }))
}

func TestParallelNestedAndConcurrent(t *testing.T) {
	withWorkers(t, 4, func() {
		var sum atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					Parallel(5, func(int, int) { Parallel(3, func(int, int) { sum.Add(1) }) })
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 8*50*5*3, sum.Load())
	})
}

func TestParallelWakesParkedWorkers(t *testing.T) {
	withWorkers(t, 3, func() {
		for range 3 {
			time.Sleep(4 * spinFor)
			var together sync.WaitGroup // three shards that end only together need three goroutines
			together.Add(3)
			Parallel(3, func(int, int) { together.Done(); together.Wait() })
		}
	})
}

func TestSetWorkersWhileInUse(t *testing.T) {
	defer SetWorkers(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			SetWorkers(1 + i%5)
			time.Sleep(10 * time.Microsecond)
		}
	}()
	var sum atomic.Int64
	calls := 0
	for running := true; running; calls++ {
		Parallel(7, func(int, int) { sum.Add(1) })
		select {
		case <-done:
			running = false
		default:
		}
	}
	assert.EqualValues(t, 7*calls, sum.Load())
}

func TestSetWorkersEndsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		SetWorkers(8)
		Parallel(16, func(int, int) {})
	}
	SetWorkers(1)
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before)
	SetWorkers(0)
}

func TestParallelRaisesPanics(t *testing.T) {
	withWorkers(t, 3, func() {
		for range 20 {
			assert.PanicsWithValue(t, "shard 5", func() {
				Parallel(9, func(_, i int) {
					if i == 5 {
						panic("shard 5")
					}
				})
			})
		}
		var n atomic.Int64
		Parallel(9, func(int, int) { n.Add(1) })
		assert.EqualValues(t, 9, n.Load(), "the pool still works after a panic")
	})
}

func TestParallelAllocatesNothing(t *testing.T) {
	withWorkers(t, 2, func() {
		f := func(int, int) {}
		assert.Zero(t, testing.AllocsPerRun(100, func() { Parallel(8, f) }))
	})
}

func BenchmarkParallel(b *testing.B) {
	f := func(int, int) {}
	for b.Loop() {
		Parallel(2, f)
	}
}
