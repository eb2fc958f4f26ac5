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

// pool is a set of workers that serve one Parallel call at a time. Each worker owns a share of a call's shards, the same share of the batch
// in one layer after the other, so that what it reads was written by its own core; it claims them one by one, without another's hand on the
// counter, and when they are done helps with the other shares. Whoever claims a shard runs it and counts down pending. A worker reads run
// only between claiming a shard and counting it, so the caller may replace it once pending is zero.
type pool struct {
	owner  sync.Mutex // held by the call being served
	size   int        // workers, the caller included
	tracer *tracer    // serves in the workers' place; nil but in Trace
	spawn  sync.Once
	run    func(worker, shard int)
	shares []share // a worker's each
	failed atomic.Pointer[failure]
	closed atomic.Bool

	_        cacheLine
	call     atomic.Uint64 // being served, or the last
	_        cacheLine
	pending  atomic.Int64 // shards not yet finished
	_        cacheLine
	sleepers atomic.Int64 // parked workers that nobody has sent a token yet
	wake     chan struct{}
}

// share is how many shards of its worker's are claimed, and in which call; in an earlier one than the call being served it is none.
type share struct {
	claimed atomic.Uint64
	_       [cacheLineSize - 8]byte
}

// A call is published, and a share kept, as one word: its number, and a count of shards in the lower bits.
const (
	countBits  = 24
	countMask  = 1<<countBits - 1
	mostShards = countMask // more run on their caller alone
)

const cacheLineSize = 64

type cacheLine [cacheLineSize]byte

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

// Parallel runs f for the shards 0, …, shards-1, each once, on the caller and the pool's workers, and returns when all are done. Worker is who
// runs the shard, from 0 to Workers()-1; no two shards of a call run with the same worker at once. A call made while another is running, from
// inside it or from another goroutine, runs all its shards on its caller, as worker 0. A panic of f is raised again here.
func Parallel(shards int, f func(worker, shard int)) {
	p := currentPool()
	if p.tracer != nil {
		p.tracer.serve(shards, f)
		return
	}
	if shards <= 1 || shards > mostShards || p.size == 1 || !p.owner.TryLock() {
		inTurn(shards, f)
		return
	}
	defer p.owner.Unlock()
	p.serve(shards, f)
}

// inTurn runs all shards on the caller.
func inTurn(shards int, f func(worker, shard int)) {
	for shard := range shards {
		f(0, shard)
	}
}

// parallelAbove is Parallel for work worth sharing, a plain loop for less; work is in multiply-adds or the like.
func parallelAbove(threshold, work int64, shards int, f func(worker, shard int)) {
	if work >= threshold {
		Parallel(shards, f)
		return
	}
	inTurn(shards, f)
}

func currentPool() *pool {
	if p := current.Load(); p != nil {
		return p
	}
	current.CompareAndSwap(nil, newPool(runtime.GOMAXPROCS(0)))
	return current.Load()
}

func newPool(size int) *pool {
	return &pool{size: size, shares: make([]share, size), wake: make(chan struct{}, size)}
}

// close lets the workers go; a call still being served finishes on its caller.
func (p *pool) close() {
	p.closed.Store(true)
	p.rouse(p.size)
}

func (p *pool) serve(shards int, f func(worker, shard int)) {
	p.spawn.Do(func() {
		for index := range p.size - 1 {
			go p.worker(index + 1)
		}
	})
	p.run = f
	p.pending.Store(int64(shards))
	call := (p.call.Load()>>countBits+1)<<countBits | uint64(shards)
	p.call.Store(call)
	p.rouse(2)
	p.work(0, call)
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

func (p *pool) worker(index int) {
	for last := uint64(0); ; {
		call, ok := p.await(last)
		if !ok {
			return
		}
		p.work(index, call)
		last = call
	}
}

// await returns a call that is not the last one, and true; or false when the pool is closed.
func (p *pool) await(last uint64) (call uint64, ok bool) {
	var start time.Time
	for i := 1; !p.closed.Load(); i++ {
		if call, ok := p.other(last); ok {
			return call, true
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
			p.park(last)
			start = time.Time{}
		}
	}
	return 0, false
}

// other returns the call being served, if there is one and it isn't the last.
func (p *pool) other(last uint64) (call uint64, ok bool) {
	call = p.call.Load()
	return call, call != last && p.pending.Load() > 0
}

// park blocks until a token comes, then passes the call on: each woken worker wakes two more, so waking n takes log n steps.
func (p *pool) park(last uint64) {
	p.sleepers.Add(1)
	if _, ok := p.other(last); (ok || p.closed.Load()) && p.takeSleeper() {
		return
	}
	<-p.wake
	if call, ok := p.other(last); ok && p.open(call) {
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

// work runs the worker's own share of a call, and then what is left of the others'.
func (p *pool) work(worker int, call uint64) {
	shares := p.sharesOf(call)
	for i := range shares {
		owner := (worker + i) % shares
		first, n := bounds(call, owner, shares)
		finished := 0
		for ; ; finished++ {
			shard, ok := p.claim(call, owner, n)
			if !ok {
				break
			}
			p.runShard(worker, first+shard)
		}
		if finished > 0 && p.pending.Add(int64(-finished)) == 0 {
			return
		}
	}
}

// sharesOf is into how many shares a call is divided.
func (p *pool) sharesOf(call uint64) int { return min(p.size, int(call&countMask)) }

// bounds returns the first shard of an owner's share of a call, and how many there are.
func bounds(call uint64, owner, shares int) (first, n int) {
	shards := int(call & countMask)
	first = owner * shards / shares
	return first, (owner+1)*shards/shares - first
}

// claim takes one of the n shards of an owner's share, if one is left. A worker that comes too late, when the call is over, finds them all
// claimed, or the share in another call and its own no longer the one being served.
func (p *pool) claim(call uint64, owner, n int) (shard int, ok bool) {
	claimed := &p.shares[owner].claimed
	for {
		old := claimed.Load()
		taken := old & countMask
		if old>>countBits != call>>countBits {
			if p.call.Load() != call {
				return 0, false
			}
			taken = 0
		}
		if taken >= uint64(n) {
			return 0, false
		}
		if claimed.CompareAndSwap(old, call>>countBits<<countBits|(taken+1)) {
			return int(taken), true
		}
	}
}

// open says whether any shard of a call is still to be claimed.
func (p *pool) open(call uint64) bool {
	shares := p.sharesOf(call)
	for owner := range shares {
		_, n := bounds(call, owner, shares)
		if old := p.shares[owner].claimed.Load(); old>>countBits != call>>countBits || old&countMask < uint64(n) {
			return true
		}
	}
	return false
}

func (p *pool) runShard(worker, shard int) {
	defer p.catch()
	p.run(worker, shard)
}

func (p *pool) catch() {
	if v := recover(); v != nil {
		p.failed.CompareAndSwap(nil, &failure{v})
	}
}
