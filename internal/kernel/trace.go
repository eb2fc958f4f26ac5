package kernel

import "time"

// A Region is one call of Parallel: how long each of its shards took, in their order.
type Region []time.Duration

// Trace runs f on one worker and returns the calls of Parallel that more workers would have shared, in their order. A call inside a shard
// is part of that shard. What else f does can't be shared. No other goroutine may compute meanwhile; the number of workers is what it was
// afterwards.
func Trace(f func()) []Region {
	workers := Workers()
	t := &tracer{}
	if old := current.Swap(&pool{size: 1, tracer: t}); old != nil {
		old.close()
	}
	defer SetWorkers(workers)
	f()
	return t.regions
}

// tracer stands in for workers and takes the time.
type tracer struct {
	regions []Region
	inside  bool // a shard is running
}

func (t *tracer) serve(shards int, f func(worker, shard int)) {
	if t.inside || shards <= 1 {
		inTurn(shards, f)
		return
	}
	t.inside = true
	defer func() { t.inside = false }()
	region := make(Region, shards)
	for shard := range region {
		began := time.Now()
		f(0, shard)
		region[shard] = time.Since(began)
	}
	t.regions = append(t.regions, region)
}
