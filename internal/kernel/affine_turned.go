package kernel

// affineTurned computes y = x·Wᵀ + b as yᵀ = W·xᵀ. W, the large operand, is read once and where it
// lies; xᵀ is packed instead. A shard owns a part of W's rows. It passes one block of their sums
// after the other by that block of xᵀ, which stays in L2 meanwhile. The blocks are those of the
// product x·Wᵀ, and so are the bits.
type affineTurned[T Float] struct {
	e              *engine[T]
	batch, in, out int
	width          int         // of a row of xᵀ
	depth          int         // of a block of the sum
	biasAfter      bool        // the bias follows the first block, as in a correlation; or comes first, as in a product
	tiles          [][]rowTile // of each shard, from its first row on
	offsets        []int32     // of the rows of xᵀ
	scratch        perWorker[turnedScratch[T]]

	packed        []T // xᵀ; borrowed
	x, w, bias, y []T // of the running call
	limits        Limits[T]

	pack, multiply func(worker, shard int)
}

type turnedScratch[T Float] struct {
	y []T // transposed
	p panel[T]
}

const turnedShards = 16

func newAffineTurned[T Float](e *engine[T], batch, in, out int) *affineTurned[T] {
	a := &affineTurned[T]{e: e, batch: batch, in: in, out: out, width: e.width(batch), depth: depthOf(in)}
	a.tiles = make([][]rowTile, min(ceilDiv(out, e.rows), turnedShards))
	for i := range a.tiles {
		from, to := a.rowsOf(i)
		a.tiles[i] = tileRows(to-from, e.rows)
	}
	a.offsets = make([]int32, a.depth)
	for i := range a.offsets {
		a.offsets[i] = int32(i * a.width)
	}
	a.pack, a.multiply = a.packShard, a.multiplyShard
	return a
}

// rowsOf returns a shard's rows of W.
func (a *affineTurned[T]) rowsOf(shard int) (from, to int) {
	return shard * a.out / len(a.tiles), (shard + 1) * a.out / len(a.tiles)
}

func (a *affineTurned[T]) run(x, w, bias, y []T, limits Limits[T]) {
	a.x, a.w, a.bias, a.y, a.limits = x, w, bias, y, limits
	packed := borrow[T](a.in * a.width)
	defer giveBack(packed)
	a.packed = *packed
	work := int64(a.batch) * int64(a.in) * int64(a.out)
	parallelAbove(parallelWork, work, ceilDiv(a.in, a.depth), a.pack)
	parallelAbove(parallelWork, work, len(a.tiles), a.multiply)
	a.x, a.w, a.bias, a.y, a.packed = nil, nil, nil, nil, nil
}

// packShard transposes a block of the columns of x.
func (a *affineTurned[T]) packShard(_, shard int) {
	k := shard * a.depth
	a.e.transpose(transpose[T]{
		rows: a.batch, cols: min(a.depth, a.in-k), src: a.x[k:], srcStride: a.in, dst: a.packed[k*a.width:],
		dstStride: a.width,
	})
}

func (a *affineTurned[T]) multiplyShard(worker, shard int) {
	from, to := a.rowsOf(shard)
	s := a.scratch.of(worker)
	s.y = grow(s.y, (to-from)*a.width)
	first := a.bias != nil && !a.biasAfter
	if first {
		for i, b := range a.bias[from:to] {
			setAll(s.y[i*a.width:][:a.width], b)
		}
	}
	for k := 0; k < a.in; k += a.depth {
		s.p = panel[T]{
			tiles: a.tiles[shard], a: a.w[from*a.in:], stride: a.in, k0: k, kc: min(a.depth, a.in-k),
			b: a.packed[k*a.width:], offsets: a.offsets, c: s.y, ldc: a.width, cols: a.batch,
			accumulate: k > 0 || first,
		}
		if k == 0 && a.bias != nil && a.biasAfter {
			s.p.bias = a.bias[from:to]
		}
		if k+s.p.kc == a.in {
			s.p.limits = a.limits
		}
		a.e.mul(&s.p)
	}
	s.p = panel[T]{} // drops the borrowed memory
	a.e.transpose(transpose[T]{
		rows: to - from, cols: a.batch, src: s.y, srcStride: a.width, dst: a.y[from:], dstStride: a.out,
	})
}
