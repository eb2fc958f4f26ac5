package kernel

import "math"

// LRNShape is local response normalization across channels (Krizhevsky et al. 2012, section 3.3) of
// x (Batch, Channels, Plane), where Plane is height times width. Alpha multiplies the plain sum,
// which isn't divided by Size.
type LRNShape struct {
	Batch, Channels, Plane, Size int
	K, Alpha, Beta               float64
}

const (
	lrnTile   = 64  // pixels in a tile: Channels·lrnTile values stay in the L1 or L2 cache
	lrnShards = 128 // most shards
)

// LRN divides each value by (K + Alpha·Σ squares of the Size neighboring channels of the same
// pixel)^Beta.
type LRN[T Float] struct {
	LRNShape
	tilesInPlane      int
	shards            int
	scratch           perWorker[lrnScratch[T]] // of Backward
	x, y, dy, dx      []T
	forward, backward func(worker, shard int)
}

type lrnScratch[T Float] struct{ ratios []T } // Channels·lrnTile

// NewLRN returns a normalization of the shape.
func NewLRN[T Float](s LRNShape) *LRN[T] {
	l := &LRN[T]{LRNShape: s, tilesInPlane: (s.Plane + lrnTile - 1) / lrnTile}
	l.shards = min(lrnShards, s.Batch*l.tilesInPlane)
	l.forward, l.backward = l.forwardShard, l.backwardShard
	return l
}

// Forward, with N(c) the channels from c-⌊Size/2⌋ to c+⌊(Size-1)/2⌋ that exist:
//
//	s[c] = K + Alpha·Σ(j in N(c)) x[j]²
//	y[c] = x[c]·s[c]^-Beta
func (l *LRN[T]) Forward(x, y []T) {
	l.x, l.y = x, y
	Parallel(l.shards, l.forward)
}

// Backward: x[c] is in its own numerator and in the sums s[j] of all j with c in N(j). There
// ∂s[j]/∂x[c] = 2·Alpha·x[c], so
//
//	dx[c] = dy[c]·s[c]^-Beta + Σ(j: c in N(j)) dy[j]·x[j]·(-Beta)·s[j]^(-Beta-1) · 2·Alpha·x[c]
//	      = dy[c]·s[c]^-Beta - 2·Alpha·Beta·x[c] · Σ(j: c in N(j)) r[j],    r[j] = dy[j]·y[j]/s[j]
//
// c is in N(j) for j from c-⌊(Size-1)/2⌋ to c+⌊Size/2⌋. Backward recomputes s, because storing it
// would take as much memory as x.
func (l *LRN[T]) Backward(x, y, dy, dx []T) {
	l.x, l.y, l.dy, l.dx = x, y, dy, dx
	Parallel(l.shards, l.backward)
}

// tilesOf returns the tiles [from, to) of a shard.
func (l *LRN[T]) tilesOf(shard int) (from, to int) {
	tiles := l.Batch * l.tilesInPlane
	return shard * tiles / l.shards, (shard + 1) * tiles / l.shards
}

// tile is a run of pixels of one image: channel c of them is [start+c·Plane, +size).
type tile struct{ start, size int }

func (l *LRN[T]) tile(i int) tile {
	image, from := i/l.tilesInPlane, i%l.tilesInPlane*lrnTile
	return tile{image*l.Channels*l.Plane + from, min(lrnTile, l.Plane-from)}
}

func (l *LRN[T]) row(s []T, t tile, channel int) []T {
	at := t.start + channel*l.Plane
	return s[at : at+t.size]
}

// neighbors returns the first channel of N(c) and their number.
func (l *LRN[T]) neighbors(c int) (from, count int) {
	from = max(0, c-l.Size/2)
	return from, min(l.Channels-1, c+(l.Size-1)/2) - from + 1
}

// neighborsOf returns the first channel j with c in N(j) and their number.
func (l *LRN[T]) neighborsOf(c int) (from, count int) {
	from = max(0, c-(l.Size-1)/2)
	return from, min(l.Channels-1, c+l.Size/2) - from + 1
}

// spread is the factor of dx's second term.
func (l *LRN[T]) spread() T { return T(2 * l.Alpha * l.Beta) }

func (l *LRN[T]) forwardShard(_, shard int) {
	k := kernels[T]()
	from, to := l.tilesOf(shard)
	for i := from; i < to; i++ {
		k.normTile(l, l.tile(i))
	}
}

func normTile[T Float](l *LRN[T], t tile) {
	var buffer [2][lrnTile]T
	s, factor := buffer[0][:t.size], buffer[1][:t.size]
	for c := range l.Channels {
		l.scales(t, c, s)
		inversePower(s, l.Beta, factor)
		y := l.row(l.y, t, c)
		for i, v := range l.row(l.x, t, c) {
			y[i] = v * factor[i]
		}
	}
}

// scales sets s to s[c] for the tile's pixels.
func (l *LRN[T]) scales(t tile, c int, s []T) {
	for i := range s {
		s[i] = T(l.K)
	}
	alpha := T(l.Alpha)
	from, count := l.neighbors(c)
	for j := from; j < from+count; j++ {
		for i, v := range l.row(l.x, t, j) {
			s[i] += T(alpha * (v * v)) // T: not fused, so the same bits everywhere
		}
	}
}

func (l *LRN[T]) backwardShard(worker, shard int) {
	k, s := kernels[T](), l.scratch.of(worker)
	s.ratios = grow(s.ratios, l.Channels*lrnTile)
	from, to := l.tilesOf(shard)
	for i := from; i < to; i++ {
		l.backwardTile(k, l.tile(i), s.ratios)
	}
}

// backwardTile writes dx[c] = dy[c]·s[c]^-Beta first, and r[c] into ratios; then it subtracts the
// second term.
func (l *LRN[T]) backwardTile(k *table[T], t tile, ratios []T) {
	for c := range l.Channels {
		k.normTermRow(l, t, c, l.row(l.y, t, c), l.row(l.dy, t, c), l.row(l.dx, t, c), tileRow(ratios, t, c))
	}
	for c := range l.Channels {
		from, count := l.neighborsOf(c)
		k.normSpreadRow(ratios[from*lrnTile:], count, l.spread(), l.row(l.x, t, c), l.row(l.dx, t, c))
	}
}

// tileRow returns channel c of a scratch that holds one tile.
func tileRow[T Float](scratch []T, t tile, c int) []T { return scratch[c*lrnTile:][:t.size] }

// normTermRow sets, for one channel of a tile, term = dy·s^-Beta and ratio = dy·y/s.
func normTermRow[T Float](l *LRN[T], t tile, c int, y, dy, term, ratio []T) {
	var buffer [2][lrnTile]T
	s, factor := buffer[0][:t.size], buffer[1][:t.size]
	l.scales(t, c, s)
	inversePower(s, l.Beta, factor)
	for i, d := range dy {
		term[i] = d * factor[i]
		ratio[i] = d * y[i] / s[i]
	}
}

// normSpreadRow is dx -= factor·x·Σ of the first count rows, which are lrnTile elements apart.
func normSpreadRow[T Float](rows []T, count int, factor T, x, dx []T) {
	var buffer [lrnTile]T
	sum := buffer[:len(x)]
	for j := range count {
		for i, r := range rows[j*lrnTile:][:len(x)] {
			sum[i] += r
		}
	}
	for i, v := range x {
		dx[i] -= T(factor * v * sum[i])
	}
}

// inversePower sets y = s^-beta; s must be above 0.
func inversePower[T Float](s []T, beta float64, y []T) {
	if beta == 0.75 { // AlexNet's
		for i, v := range s {
			root := sqrt(v)
			y[i] = 1 / (root * sqrt(root))
		}
		return
	}
	for i, v := range s {
		y[i] = T(math.Pow(float64(v), -beta))
	}
}
