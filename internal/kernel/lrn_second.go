package kernel

// LRNSecond computes the derivatives of LRN's gradient. With s of [LRN.Forward],
//
//	p[c]   = s[c]^(-Beta-1)
//	W(a)   = the sum of a over N(c);  Wᵀ(a) = the sum of a over the j with c in N(j)
//	dx     = dy·s^-Beta - 2·Alpha·Beta·x·Wᵀ(dy·x·p)
//
// Everything is computed again from x, because that takes less time than reading it from memory.
type LRNSecond[T Float] struct {
	*LRN[T]
	u, out         []T
	scratch        perWorker[lrnSecondScratch[T]]
	tangents, bend func(worker, shard int)
}

// lrnSecondScratch holds a tile of each: Channels rows of lrnTile elements.
type lrnSecondScratch[T Float] struct {
	power, inverse []T // s^-Beta and 1/s
	ux, q, qx, ds  []T // u·x, q = dy·p, q·x, and d(s)/-Beta
	ones, row      []T // one row
}

// NewLRNSecond returns the derivatives for the shape.
func NewLRNSecond[T Float](s LRNShape) *LRNSecond[T] {
	l := &LRNSecond[T]{LRN: NewLRN[T](s)}
	l.tangents, l.bend = l.tangentShard, l.bendShard
	return l
}

// Tangent is the derivative of y in the direction u, which is the gradient of ⟨u, dx⟩ with respect
// to dy:
//
//	out = u·s^-Beta - 2·Alpha·Beta·x·p·W(u·x)
func (l *LRNSecond[T]) Tangent(x, u, out []T) {
	l.x, l.u, l.out = x, u, out
	Parallel(l.shards, l.tangents)
}

// Bend is the gradient of ⟨u, dx⟩ with respect to x:
//
//	⟨u, dx⟩ = Σ u·dy·s^-Beta - 2·Alpha·Beta·Σ W(u·x)·dy·x·p          ∂s[c]/∂x[j] = 2·Alpha·x[j], j in N(c)
//	d(s)    = -Beta·(u·dy·p - 2·Alpha·(Beta+1)·W(u·x)·dy·x·p/s)
//	out     = 2·Alpha·x·Wᵀ(d(s)) - 2·Alpha·Beta·(u·Wᵀ(dy·x·p) + dy·p·W(u·x))
func (l *LRNSecond[T]) Bend(x, dy, u, out []T) {
	l.x, l.dy, l.u, l.out = x, dy, u, out
	Parallel(l.shards, l.bend)
}

func (l *LRNSecond[T]) tangentShard(worker, shard int) {
	s := l.scratch.of(worker)
	s.grow(l.Channels)
	from, to := l.tilesOf(shard)
	for i := from; i < to; i++ {
		l.tangentTile(l.tile(i), s)
	}
}

func (l *LRNSecond[T]) bendShard(worker, shard int) {
	s := l.scratch.of(worker)
	s.grow(l.Channels)
	from, to := l.tilesOf(shard)
	for i := from; i < to; i++ {
		l.bendTile(l.tile(i), s)
	}
}

func (s *lrnSecondScratch[T]) grow(channels int) {
	for _, rows := range []*[]T{&s.power, &s.inverse, &s.ux, &s.q, &s.qx, &s.ds} {
		*rows = grow(*rows, channels*lrnTile)
	}
	if s.ones != nil {
		return
	}
	s.ones, s.row = make([]T, lrnTile), make([]T, lrnTile)
	for i := range s.ones {
		s.ones[i] = 1
	}
}

// prepare computes s^-Beta, 1/s and u·x.
func (l *LRNSecond[T]) prepare(t tile, s *lrnSecondScratch[T]) {
	k, ones := kernels[T](), s.ones[:t.size]
	for c := range l.Channels {
		k.normTermRow(l.LRN, t, c, ones, ones, tileRow(s.power, t, c), tileRow(s.inverse, t, c))
		k.multiplyRow(l.row(l.u, t, c), l.row(l.x, t, c), tileRow(s.ux, t, c))
	}
}

func (k *table[T]) multiplyRow(a, b, product []T) { k.multiply(operands[T]{a: a, b: b, c: product}) }

func (l *LRNSecond[T]) tangentTile(t tile, s *lrnSecondScratch[T]) {
	l.prepare(t, s)
	k, xp := kernels[T](), s.row[:t.size]
	for c := range l.Channels {
		out, power := l.row(l.out, t, c), tileRow(s.power, t, c)
		k.multiplyRow(l.row(l.x, t, c), power, xp)
		k.multiplyRow(xp, tileRow(s.inverse, t, c), xp)
		k.multiplyRow(l.row(l.u, t, c), power, out)
		from, count := l.neighbors(c)
		k.normSpreadRow(s.ux[from*lrnTile:], count, l.spread(), xp, out)
	}
}

func (l *LRNSecond[T]) bendTile(t tile, s *lrnSecondScratch[T]) {
	l.prepare(t, s)
	k, qxs := kernels[T](), s.row[:t.size]
	slope := T(2 * l.Alpha * (l.Beta + 1))
	for c := range l.Channels {
		q, qx, ds, inverse := tileRow(s.q, t, c), tileRow(s.qx, t, c), tileRow(s.ds, t, c), tileRow(s.inverse, t, c)
		k.multiplyRow(l.row(l.dy, t, c), tileRow(s.power, t, c), q)
		k.multiplyRow(q, inverse, q)
		k.multiplyRow(q, l.row(l.x, t, c), qx)
		k.multiplyRow(qx, inverse, qxs)
		k.multiplyRow(q, l.row(l.u, t, c), ds)
		from, count := l.neighbors(c)
		k.normSpreadRow(s.ux[from*lrnTile:], count, slope, qxs, ds)
	}
	for c := range l.Channels {
		x, u, out := l.row(l.x, t, c), l.row(l.u, t, c), l.row(l.out, t, c)
		clear(out)
		from, count := l.neighborsOf(c)
		k.normSpreadRow(s.ds[from*lrnTile:], count, l.spread(), x, out)
		k.normSpreadRow(s.qx[from*lrnTile:], count, l.spread(), u, out)
		from, count = l.neighbors(c)
		k.normSpreadRow(s.ux[from*lrnTile:], count, l.spread(), tileRow(s.q, t, c), out)
	}
}
