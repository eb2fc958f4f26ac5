package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// spinFor is how long an idle worker watches for the next call before it parks. Waking a parked
// worker costs some 30 microseconds; a spinning one answers in well under one. The layers of a
// training step follow each other within this time.
const spinFor = 500 * time.Microsecond

// pool is a set of workers that serve one Parallel call at a time. Each worker owns a share of a
// call's shards: the same part of the batch in every layer, so that it reads what its own core
// wrote. It claims its shards one by one from a counter that only it uses at first, and then helps
// with the other shares. The worker that claims a shard runs it and counts down pending. A worker
// reads run only between claiming a shard and counting it, so the caller may replace run once
// pending is zero.
type pool struct {
	owner  sync.Mutex // held by the running call
	size   int        // workers, the caller included
	tracer *tracer    // replaces the workers; nil except in Trace
	spawn  sync.Once
	run    func(worker, shard int)
	shares []share // indexed by worker
	failed atomic.Pointer[failure]
	closed atomic.Bool
	crowd  crowd        // used by the owner
	spun   atomic.Int64 // times that the caller and the workers have waited by spinPause

	_        cacheLine
	call     atomic.Uint64 // the running call, or the last
	_        cacheLine
	pending  atomic.Int64 // shards not yet finished
	_        cacheLine
	sleepers atomic.Int64 // parked workers without a token
	wake     chan struct{}
}

// share counts the claimed shards of one worker's share, together with the number of their call. If
// that call is an earlier one than the running call, the count is 0.
type share struct {
	claimed atomic.Uint64
	_       [cacheLineSize - 8]byte
}

// A call and a share are each one word: the call's number, and a count of shards in the lower bits.
const (
	countBits = 24
	countMask = 1<<countBits - 1
	maxShards = countMask // a call with more shards runs on its caller alone
)

const cacheLineSize = 64

type cacheLine [cacheLineSize]byte

type failure struct{ value any }

var current atomic.Pointer[pool]

// SetWorkers sets the number of goroutines, the caller included, that work on one Parallel call; n
// <= 0 means GOMAXPROCS. No result depends on it.
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

// Parallel runs f for each shard 0, …, shards-1 once, on the caller and the pool's workers, and
// returns when all are done. worker is the index of the goroutine that runs the shard, from 0 to
// Workers()-1; no two shards of a call run with the same worker at once. A call made while another
// one is running, inside it or on another goroutine, runs all its shards on its caller, as worker
// 0. Parallel repeats a panic of f.
func Parallel(shards int, f func(worker, shard int)) {
	p := currentPool()
	if p.tracer != nil {
		p.tracer.serve(shards, f)
		return
	}
	if shards <= 1 || shards > maxShards || p.size == 1 || !p.owner.TryLock() {
		serial(shards, f)
		return
	}
	defer p.owner.Unlock()
	began := time.Now()
	if p.crowd.alone {
		serial(shards, f)
	} else {
		p.serve(shards, f)
	}
	p.crowd.note(began, &p.spun)
}

// serial runs all shards on the caller.
func serial(shards int, f func(worker, shard int)) {
	for shard := range shards {
		f(0, shard)
	}
}

// parallelAbove is Parallel if work, in multiply-adds or the like, reaches the threshold, else a
// plain loop.
func parallelAbove(threshold, work int64, shards int, f func(worker, shard int)) {
	if work >= threshold {
		Parallel(shards, f)
		return
	}
	serial(shards, f)
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

// close ends the workers. A call that is running finishes on its caller.
func (p *pool) close() {
	p.closed.Store(true)
	p.wakeUp(p.size)
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
	p.wakeUp(2)
	p.work(0, call)
	spins := int64(0)
	for ; p.pending.Load() != 0; spins++ {
		spinPause()
		if spins%1024 == 1023 {
			runtime.Gosched()
		}
	}
	p.spun.Add(spins)
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

// await returns a call other than the last one, and true; or false if the pool is closed.
func (p *pool) await(last uint64) (call uint64, ok bool) {
	var start time.Time
	i := 1
	defer func() { p.spun.Add(int64(i)) }()
	for ; !p.closed.Load(); i++ {
		if call, ok := p.newCall(last); ok {
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

// newCall returns the running call, and whether there is one that isn't the last.
func (p *pool) newCall(last uint64) (call uint64, ok bool) {
	call = p.call.Load()
	return call, call != last && p.pending.Load() > 0
}

// park blocks until it gets a token. Then it wakes two more workers, so that waking n takes log n
// steps.
func (p *pool) park(last uint64) {
	p.sleepers.Add(1)
	if _, ok := p.newCall(last); (ok || p.closed.Load()) && p.takeSleeper() {
		return
	}
	<-p.wake
	if call, ok := p.newCall(last); ok && p.unclaimed(call) {
		p.wakeUp(2)
	}
}

// wake wakes up to n parked workers.
func (p *pool) wakeUp(n int) {
	woken := 0
	for woken < n && p.takeSleeper() {
		p.wake <- struct{}{} // never blocks: at most size sleepers exist, and each gets one token
		woken++
	}
	if woken > 0 {
		go yield() // takes the scheduler's run-next slot from a woken worker: idle threads are slow to steal from it
	}
}

func yield() {}

// takeSleeper claims the right to wake one parked worker.
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

// work runs the worker's own share of a call, and then what is left of the others.
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

// sharesOf returns the number of shares of a call.
func (p *pool) sharesOf(call uint64) int { return min(p.size, int(call&countMask)) }

// bounds returns the first shard of an owner's share of a call, and their number.
func bounds(call uint64, owner, shares int) (first, n int) {
	shards := int(call & countMask)
	first = owner * shards / shares
	return first, (owner+1)*shards/shares - first
}

// claim takes one of the n shards of an owner's share, if one is left. A worker that comes after
// the call is over finds every shard claimed, or the share in another call and its own call no
// longer running.
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

// unclaimed reports whether any shard of a call is unclaimed.
func (p *pool) unclaimed(call uint64) bool {
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
