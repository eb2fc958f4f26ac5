package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// spinFor is how long an idle worker watches for the next call before it parks. Waking a parked worker costs some 30 microseconds,
// a spinning one answers in well under one; the layers of a training step follow each other within this time.
const spinFor = 500 * time.Microsecond

// pool is a set of workers that serve one Parallel call at a time. A call publishes its shards in open; whoever claims one (the caller
// too) runs it and counts down pending. A worker reads run and shards only between claiming a shard and finishing it, so the caller may
// replace them once pending is zero.
type pool struct {
	owner  sync.Mutex // held by the call being served
	size   int        // workers, the caller included
	tracer *tracer    // serves in the workers' place; nil but in Trace
	spawn  sync.Once
	run    func(shard int)
	shards int64
	failed atomic.Pointer[failure]
	closed atomic.Bool

	_        cacheLine
	open     atomic.Int64 // shards not yet claimed
	_        cacheLine
	pending  atomic.Int64 // shards not yet finished
	_        cacheLine
	sleepers atomic.Int64 // parked workers that nobody has sent a token yet
	wake     chan struct{}
}

type cacheLine [64]byte

type failure struct{ value any }

var current atomic.Pointer[pool]

// SetWorkers sets how many goroutines, the caller included, work on one Parallel call; n <= 0 means GOMAXPROCS. No result depends on it.
func SetWorkers(n int) {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if old := current.Swap(newPool(n)); old != nil {
		old.close()
	}
}

// Workers returns the number of goroutines that work on one Parallel call.
func Workers() int { return currentPool().size }

// Parallel runs f(0), …, f(shards-1), each once, on the caller and the pool's workers, and returns when all are done. A call made while
// another is running, from inside it or from another goroutine, runs all its shards on its caller. A panic of f is raised again here.
func Parallel(shards int, f func(shard int)) {
	p := currentPool()
	if p.tracer != nil {
		p.tracer.serve(shards, f)
		return
	}
	if shards <= 1 || p.size == 1 || !p.owner.TryLock() {
		for shard := range shards {
			f(shard)
		}
		return
	}
	defer p.owner.Unlock()
	p.serve(shards, f)
}

// parallelAbove is Parallel for work worth sharing, a plain loop for less; work is in multiply-adds or the like.
func parallelAbove(threshold, work int64, shards int, f func(shard int)) {
	if work >= threshold {
		Parallel(shards, f)
		return
	}
	for shard := range shards {
		f(shard)
	}
}

func currentPool() *pool {
	if p := current.Load(); p != nil {
		return p
	}
	current.CompareAndSwap(nil, newPool(runtime.GOMAXPROCS(0)))
	return current.Load()
}

func newPool(size int) *pool {
	return &pool{size: size, wake: make(chan struct{}, size)}
}

// close lets the workers go; a call still being served finishes on its caller.
func (p *pool) close() {
	p.closed.Store(true)
	p.rouse(p.size)
}

func (p *pool) serve(shards int, f func(shard int)) {
	p.spawn.Do(func() {
		for range p.size - 1 {
			go p.worker()
		}
	})
	p.run, p.shards = f, int64(shards)
	p.pending.Store(int64(shards))
	p.open.Store(int64(shards))
	p.rouse(2)
	p.work()
	for i := 1; p.pending.Load() != 0; i++ {
		spinPause()
		if i%1024 == 0 {
			runtime.Gosched()
		}
	}
	p.run = nil
	if failed := p.failed.Swap(nil); failed != nil {
		panic(failed.value)
	}
}

func (p *pool) worker() {
	for p.await() {
		p.work()
	}
}

// await returns true when there are open shards, false when the pool is closed.
func (p *pool) await() bool {
	var start time.Time
	for i := 1; !p.closed.Load(); i++ {
		if p.open.Load() > 0 {
			return true
		}
		spinPause()
		if i%64 != 0 {
			continue
		}
		runtime.Gosched()
		switch now := time.Now(); {
		case start.IsZero():
			start = now
		case now.Sub(start) > spinFor:
			p.park()
			start = time.Time{}
		}
	}
	return false
}

// park blocks until a token comes, then passes the call on: each woken worker wakes two more, so waking n takes log n steps.
func (p *pool) park() {
	p.sleepers.Add(1)
	if (p.open.Load() > 0 || p.closed.Load()) && p.takeSleeper() {
		return
	}
	<-p.wake
	if p.open.Load() > 0 {
		p.rouse(2)
	}
}

// rouse wakes up to n parked workers.
func (p *pool) rouse(n int) {
	woken := 0
	for woken < n && p.takeSleeper() {
		p.wake <- struct{}{} // never blocks: a token for every taken sleeper, and there are at most size of those
		woken++
	}
	if woken > 0 {
		go yield() // takes the "runs next here" place of a woken worker, which idle threads are slow to steal
	}
}

func yield() {}

// takeSleeper claims the duty to wake one parked worker.
func (p *pool) takeSleeper() bool {
	for {
		n := p.sleepers.Load()
		if n == 0 {
			return false
		}
		if p.sleepers.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// work runs open shards until none is left.
func (p *pool) work() {
	for {
		left := p.open.Load()
		if left == 0 {
			return
		}
		if p.open.CompareAndSwap(left, left-1) {
			p.runShard(p.shards - left)
		}
	}
}

func (p *pool) runShard(shard int64) {
	defer p.finish()
	p.run(int(shard))
}

func (p *pool) finish() {
	if v := recover(); v != nil {
		p.failed.CompareAndSwap(nil, &failure{v})
	}
	p.pending.Add(-1)
}
