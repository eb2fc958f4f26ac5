package kernel

import (
	"sync"
	"sync/atomic"
	"time"
)

// crowd finds out whether a pool's workers help its caller or are in its way. On a machine with
// other busy processes they may be: a worker that isn't running holds up the others, and those that
// wait for it use up the time that the system grants the process.
//
// It compares windows in which all workers computed with windows in which the caller computed
// alone, by the processor time that was used and not spent waiting, for each second of Parallel
// calls. As long as the workers do well it tries nothing else, so that a quiet machine pays for two
// readings of the clock a call.
type crowd struct {
	alone bool // the caller computes by itself

	inCalls   time.Duration // time of the calls in the window so far
	processor time.Duration // used until the window began
	spun      int64         // likewise

	together, single float64       // usefulness of the last window of each kind
	next             time.Time     // when the other kind may be tried
	pause            time.Duration // from one try to the next
	meter            processorMeter
}

const (
	crowdWindow = 50 * time.Millisecond // of calls; the system counts processor time in ticks of up to 4 ms
	crowdPause  = 100 * time.Millisecond
	mostPause   = 1600 * time.Millisecond

	// wellUsed is how many processors' worth of work make the workers useful beyond question: the
	// caller alone never does more than 1, apart from what other goroutines do.
	wellUsed = 1.2
)

// note counts a call that began at the given time and has ended now.
func (c *crowd) note(began time.Time, spun *atomic.Int64) {
	now := time.Now()
	c.inCalls += now.Sub(began)
	if c.inCalls < crowdWindow {
		return
	}
	processor, known := c.meter.read()
	if !known {
		c.inCalls = 0
		return
	}
	waits := spun.Load()
	used := processor - c.processor - time.Duration(float64(waits-c.spun)*spinCost())
	if c.processor != 0 {
		c.judge(used.Seconds()/c.inCalls.Seconds(), now)
	}
	c.inCalls, c.processor, c.spun = 0, processor, waits
}

// judge takes the usefulness of the window that has ended, and chooses who computes in the next.
func (c *crowd) judge(useful float64, now time.Time) {
	c.pause = max(c.pause, crowdPause)
	if c.alone {
		c.single = useful
		if useful > c.together && now.Before(c.next) {
			return
		}
		c.alone = false
		c.wait(now)
		return
	}
	c.together = useful
	switch {
	case useful >= wellUsed:
		c.pause = crowdPause
	case useful < c.single, !now.Before(c.next):
		c.alone = true
		c.wait(now)
	}
}

// wait puts off the next try, each time for longer.
func (c *crowd) wait(now time.Time) {
	c.next = now.Add(c.pause)
	c.pause = min(2*c.pause, mostPause)
}

// spinCost is the processor time of a spinPause in nanoseconds.
var spinCost = sync.OnceValue(func() float64 {
	const pauses = 256
	least := time.Duration(1 << 62)
	for range 5 {
		began := time.Now()
		for range pauses {
			spinPause()
		}
		least = min(least, time.Since(began))
	}
	return float64(least.Nanoseconds()) / pauses
})
