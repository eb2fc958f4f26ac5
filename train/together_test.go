package train

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/testutil"
)

// TestTwoAtOnce trains two networks at the same time. Each ends as it does alone.
func TestTwoAtOnce(t *testing.T) {
	trainers := []*Trainer{trainer(t, withDropout()), trainer(t, leNet())}
	want := []ending{finish(t, trainer(t, withDropout())), finish(t, trainer(t, leNet()))}
	got := make([]ending, len(trainers))
	var both sync.WaitGroup
	for i, tr := range trainers {
		both.Go(func() { got[i] = finish(t, tr) })
	}
	both.Wait()
	for i := range want {
		assert.True(t, want[i].equals(got[i]))
	}
}

// TestThousandTrainings builds, trains and drops a thousand models. Neither goroutines nor memory
// grow.
func TestThousandTrainings(t *testing.T) {
	cycle := func() {
		tr := trainer(t, small())
		tr.Epochs = 1
		finish(t, tr)
	}
	for range 50 {
		cycle()
	}
	before, heap := runtime.NumGoroutine(), heapInUse()
	for range 1000 {
		cycle()
	}
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before)
	assert.Less(t, heapInUse(), heap+8<<20)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
