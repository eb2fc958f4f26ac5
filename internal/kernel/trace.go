package kernel

import "time"

// Region holds the time of each shard of one call of Parallel, in their order.
type Region []time.Duration

// Trace runs f on one worker and returns, in order, the calls of Parallel that more workers would
// have shared. A call inside a shard is part of that shard. The rest of f can't be shared. No other
// goroutine may compute meanwhile. Trace restores the number of workers.
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

// tracer replaces the workers and measures the time of each shard.
type tracer struct {
	regions []Region
	inside  bool // a shard is running
}

func (t *tracer) serve(shards int, f func(worker, shard int)) {
	if t.inside || shards <= 1 {
		serial(shards, f)
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
