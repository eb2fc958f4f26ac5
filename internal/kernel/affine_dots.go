package kernel

// affineDots computes y = x·Wᵀ + b as dot products of the rows of x and W. Both lie along the sum,
// so nothing is packed, and W, the largest operand, is read once for each block of rows of x. A
// shard owns a block of rows of x and a part of W's tiles. For each tile of W it cuts the sum into
// blocks that stay in L1, and passes the rows of x, from L2, by each; a few rows of x need no
// blocks, and memory is read faster in long runs.
type affineDots[T Float] struct {
	e              *engine[T]
	batch, in, out int
	rowBlock       int     // rows of x in a shard
	tiles          int     // row tiles of W
	tileShards     int     // shards that divide these tiles
	offsets        []int32 // of the rows in a tile of W
	scratch        perWorker[affineScratch[T]]

	x, w, bias, y []T // of the running call
	limits        Limits[T]
	multiply      func(worker, shard int)
}

type affineScratch[T Float] struct {
	lanes, sums []T
	d           dots[T]
}

const (
	dotDepth    = 1024    // elements of the sum in one block
	dotElements = 1 << 18 // of x in a shard's rows: half of an L2 cache
	dotShards   = 32      // shards that divide W's tiles
)

func newAffineDots[T Float](e *engine[T], batch, in, out int) *affineDots[T] {
	a := &affineDots[T]{e: e, batch: batch, in: in, out: out, tiles: ceilDiv(out, e.dotTile)}
	blocks := ceilDiv(batch, max(e.dotTile, dotElements/in))
	a.rowBlock = ceilDiv(batch, blocks)
	a.tileShards = min(a.tiles, dotShards)
	for i := range e.dotTile {
		a.offsets = append(a.offsets, int32(i*in))
	}
	a.multiply = a.shard
	return a
}

func (a *affineDots[T]) run(x, w, bias, y []T, limits Limits[T]) {
	a.x, a.w, a.bias, a.y, a.limits = x, w, bias, y, limits
	work := int64(a.batch) * int64(a.in) * int64(a.out)
	parallelAbove(parallelWork, work, a.tileShards*ceilDiv(a.batch, a.rowBlock), a.multiply)
	a.x, a.w, a.bias, a.y = nil, nil, nil, nil
}

func (a *affineDots[T]) shard(worker, shard int) {
	part, block := shard%a.tileShards, shard/a.tileShards
	row := block * a.rowBlock
	rows := min(a.rowBlock, a.batch-row)
	s := a.scratch.of(worker)
	for tile := part * a.tiles / a.tileShards; tile < (part+1)*a.tiles/a.tileShards; tile++ {
		// tile sizes differ by at most 1: tile i begins at row out·i/tiles
		first, end := tile*a.out/a.tiles, (tile+1)*a.out/a.tiles
		a.tile(s, row, rows, first, end-first)
	}
}

// tile computes y for rows row … row+rows-1 of x and rows first … first+cols-1 of W.
func (a *affineDots[T]) tile(s *affineScratch[T], row, rows, first, cols int) {
	s.lanes = grow(s.lanes, rows*cols*a.e.dotLanes)
	clear(s.lanes)
	s.d = dots[T]{aStride: a.in, offsets: a.offsets[:cols], images: 1, accStride: cols * a.e.dotLanes}
	rowTiles := ceilDiv(rows, a.e.dotTile)
	depth := a.in
	if rowTiles > 1 {
		depth = dotDepth
	}
	for k := 0; k < a.in; k += depth {
		s.d.n = min(depth, a.in-k)
		s.d.b = a.w[first*a.in+k:]
		for i := range rowTiles {
			from, to := i*rows/rowTiles, (i+1)*rows/rowTiles
			s.d.rows, s.d.a, s.d.acc = to-from, a.x[(row+from)*a.in+k:], s.lanes[from*s.d.accStride:]
			a.e.dot(&s.d)
		}
	}
	s.sums = grow(s.sums, rows*cols)
	a.e.laneSums(s.lanes, s.sums)
	for i := range rows {
		a.finish(s.sums[i*cols:][:cols], a.y[(row+i)*a.out+first:][:cols], first)
	}
}

// finish writes sums, plus the bias and within the limits, to y, whose first element is output
// first.
func (a *affineDots[T]) finish(sums, y []T, first int) {
	least, most := a.limits.bounds()
	for j, v := range sums {
		if a.bias != nil {
			v += a.bias[first+j]
		}
		y[j] = min(max(v, least), most)
	}
}
