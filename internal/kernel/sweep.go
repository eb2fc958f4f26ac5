package kernel

// sweepShard is the number of elements in a shard of a sweep, in whole items: enough to be worth
// handing to another core, few enough to stay in its L2 cache.
const sweepShard = 1 << 14

// sweep is one parallel pass over items. Sweeps are reused, because a new closure for each call
// would allocate.
type sweep[T Float] struct {
	operands[T]
	apply     pass[T]
	items     int
	run       func(worker, shard int)
	workspace []float64 // storage of sums
	constants [9]T      // storage of k, shared by all shards, so that a call doesn't allocate
}

// The idle sweeps.
var (
	sweeps32 stack[sweep[float32]]
	sweeps64 stack[sweep[float64]]
)

func sweeps[T Float]() *stack[sweep[T]] {
	var idle *stack[sweep[T]]
	switch p := any(&idle).(type) {
	case **stack[sweep[float32]]:
		*p = &sweeps32
	case **stack[sweep[float64]]:
		*p = &sweeps64
	}
	return idle
}

func takeSweep[T Float]() *sweep[T] {
	s := sweeps[T]().take()
	if s.run == nil {
		s.run = s.shard
	}
	return s
}

// done returns the sweep to the idle ones and drops the caller's slices.
func (s *sweep[T]) done() {
	s.operands = operands[T]{}
	sweeps[T]().put(s)
}

// do runs a pass over the items of o with constants k; o.unit must be set. The caller may read a
// pass's sums until it calls done.
func (s *sweep[T]) do(items int, apply pass[T], o operands[T], k ...T) {
	copy(s.constants[:], k)
	o.k = &s.constants
	s.items, s.apply, s.operands = items, apply, o
	if s.perShard() >= items {
		apply(o)
		return
	}
	Parallel((items+s.perShard()-1)/s.perShard(), s.run)
}

// sumWorkspace returns workspace for one sum for each item.
func (s *sweep[T]) sumWorkspace(items int) []float64 {
	if cap(s.workspace) < items {
		s.workspace = make([]float64, items)
	}
	return s.workspace[:items]
}

func (s *sweep[T]) perShard() int { return max(1, sweepShard/max(1, s.unit)) }

func (s *sweep[T]) shard(_, shard int) {
	from := shard * s.perShard()
	to := min(from+s.perShard(), s.items)
	o := s.operands
	o.first += from
	o.a, o.b = cut(o.a, from, to, s.unit), cut(o.b, from, to, s.unit)
	o.c, o.d = cut(o.c, from, to, s.unit), cut(o.d, from, to, s.unit)
	o.ofRow, o.at, o.sums = cut(o.ofRow, from, to, 1), cut(o.at, from, to, 1), cut(o.sums, from, to, 1)
	s.apply(o)
}

func cut[E any](s []E, from, to, unit int) []E {
	if s == nil {
		return nil
	}
	return s[from*unit : to*unit]
}

// forEach runs a pass over single elements.
func forEach[T Float](apply pass[T], o operands[T], k ...T) { forEachRow(apply, len(o.a), 1, o, k...) }

// forEachRow runs a pass over rows of unit elements.
func forEachRow[T Float](apply pass[T], rows, unit int, o operands[T], k ...T) {
	s := takeSweep[T]()
	o.unit = unit
	s.do(rows, apply, o, k...)
	s.done()
}
