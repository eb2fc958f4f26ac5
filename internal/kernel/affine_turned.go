package kernel

// affineTurned computes y = x·Wᵀ + b as yᵀ = W·xᵀ. W, the large operand, is read once and where it
// lies; xᵀ is packed instead. A shard owns a part of W's rows. It passes one block of their sums
// after the other by that block of xᵀ, which stays in L2 meanwhile. The blocks are those of the
// product x·Wᵀ, and so are the bits. Where W is small and the workers divide the images evenly, a
// shard is a block of images instead: each worker then reads what it has written, and packs it.
type affineTurned[T Float] struct {
	e              *engine[T]
	batch, in, out int
	width          int         // of a row of xᵀ
	depth          int         // of a block of the sum
	biasAfter      bool        // the bias follows the first block, as in a correlation; or comes first, as in a product
	tiles          [][]rowTile // of each shard, from its first row on
	allTiles       []rowTile   // of all rows
	offsets        []int32     // of the rows of xᵀ
	blockOffsets   []int32     // of those of a block of images
	scratch        perWorker[turnedScratch[T]]

	packed        []T // xᵀ; borrowed
	x, w, bias, y []T // of the running call
	limits        Limits[T]

	pack, multiply, block func(worker, shard int)
}

type turnedScratch[T Float] struct {
	x, y []T // transposed
	p    panel[T]
}

const (
	turnedShards  = 16
	sharedWeights = 1 << 16 // most weights that all workers read
)

func newAffineTurned[T Float](e *engine[T], batch, in, out int) *affineTurned[T] {
	a := &affineTurned[T]{e: e, batch: batch, in: in, out: out, width: e.width(batch), depth: depthOf(in)}
	a.tiles = make([][]rowTile, min(ceilDiv(out, e.rows), turnedShards))
	for i := range a.tiles {
		from, to := a.rowsOf(i)
		a.tiles[i] = tileRows(to-from, e.rows)
	}
	a.allTiles = tileRows(out, e.rows)
	a.offsets, a.blockOffsets = make([]int32, a.depth), make([]int32, a.depth)
	for i := range a.offsets {
		a.offsets[i], a.blockOffsets[i] = int32(i*a.width), int32(i*e.cols)
	}
	a.pack, a.multiply, a.block = a.packShard, a.multiplyShard, a.blockShard
	return a
}

// rowsOf returns a shard's rows of W.
func (a *affineTurned[T]) rowsOf(shard int) (from, to int) {
	return shard * a.out / len(a.tiles), (shard + 1) * a.out / len(a.tiles)
}

func (a *affineTurned[T]) run(x, w, bias, y []T, limits Limits[T]) {
	a.x, a.w, a.bias, a.y, a.limits = x, w, bias, y, limits
	work := int64(a.batch) * int64(a.in) * int64(a.out)
	if blocks := ceilDiv(a.batch, a.e.cols); a.in*a.out <= sharedWeights && wholeImages(blocks) == blocks {
		parallelAbove(parallelWork, work, blocks, a.block)
	} else {
		a.runByRows(work)
	}
	a.x, a.w, a.bias, a.y = nil, nil, nil, nil
}

func (a *affineTurned[T]) runByRows(work int64) {
	packed := borrow[T](a.in * a.width)
	defer giveBack(packed)
	a.packed = *packed
	parallelAbove(parallelWork, work, ceilDiv(a.in, a.depth), a.pack)
	parallelAbove(parallelWork, work, len(a.tiles), a.multiply)
	a.packed = nil
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
	a.product(a.scratch.of(worker), turnedPart[T]{
		tiles: a.tiles[shard], from: from, to: to, images: a.batch, x: a.packed, width: a.width, offsets: a.offsets,
	})
}

// blockShard computes all outputs of a block of images.
func (a *affineTurned[T]) blockShard(worker, shard int) {
	s, width := a.scratch.of(worker), a.e.cols
	first := shard * width
	n := min(width, a.batch-first)
	s.x = grow(s.x, a.in*width)
	a.e.transpose(transpose[T]{
		rows: n, cols: a.in, src: a.x[first*a.in:], srcStride: a.in, dst: s.x, dstStride: width,
	})
	a.product(s, turnedPart[T]{
		tiles: a.allTiles, to: a.out, first: first, images: n, x: s.x, width: width, offsets: a.blockOffsets,
	})
}

// turnedPart is what a shard computes: rows [from, to) of W with some images, from image first on.
type turnedPart[T Float] struct {
	tiles         []rowTile // from row from on
	from, to      int
	first, images int
	x             []T // these images' xᵀ, its rows width apart
	width         int
	offsets       []int32
}

func (a *affineTurned[T]) product(s *turnedScratch[T], part turnedPart[T]) {
	from, to, width := part.from, part.to, part.width
	s.y = grow(s.y, (to-from)*width)
	first := a.bias != nil && !a.biasAfter
	if first {
		for i, b := range a.bias[from:to] {
			setAll(s.y[i*width:][:width], b)
		}
	}
	for k := 0; k < a.in; k += a.depth {
		s.p = panel[T]{
			tiles: part.tiles, a: a.w[from*a.in:], stride: a.in, k0: k, kc: min(a.depth, a.in-k),
			b: part.x[k*width:], offsets: part.offsets, c: s.y, ldc: width, cols: part.images,
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
		rows: to - from, cols: part.images, src: s.y, srcStride: width, dst: a.y[part.first*a.out+from:],
		dstStride: a.out,
	})
}
