package kernel

import "math"

const (
	winogradIn     = 6 // rows and columns of the input of a tile
	winogradCols   = 8 // columns of the input of a tile that may be read
	gradientCols   = 4 // columns of the gradient of a tile's output that may be read
	winogradPoints = winogradIn * winogradIn

	// Sizes of the parts that the work is cut into. They change no result.
	winogradTiles   = 64      // about as many tiles in a block
	winogradBlocks  = 5 << 19 // most elements of transformed input at a time
	winogradFilters = 1 << 18 // most elements of transformed filters of a shard
	winogradCached  = 1 << 17 // most elements of a block's transformed input that stay in a core's cache
	winogradDepth   = 1 << 16 // about as many elements of transformed filters at a time, if each is read once
)

// tileForm is Winograd's minimal filtering F(out×out, taps×taps): filters of taps×taps, on tiles
// whose output is out×out and whose input is 6x6.
type tileForm struct{ out, taps int }

var (
	threeTaps = tileForm{out: 4, taps: 3}
	fiveTaps  = tileForm{out: 2, taps: 5}
)

// filter returns the elements of a filter.
func (f tileForm) filter() int { return f.taps * f.taps }

// border returns by how many rows a tile's input is higher than its output.
func (f tileForm) border() int { return f.taps - 1 }

// winograd is a convolution of 3x3 or 5x5 filters at stride 1 by Winograd's minimal filtering
// F(4x4, 3x3) or F(2x2, 5x5) (Lavin and Gray 2016). The output is cut into tiles of 4x4, or of 2x2.
// With d the 6x6 input of a tile of channel c, and g the filter of channels o and c,
//
//	y[o] = Aᵀ·(Σ_c (G·g·Gᵀ) ⊙ (Bᵀ·d·B))·A
//
// takes 36 multiplications for each c where the definition takes 144, or 100. Each of the 36 points
// is a matrix product over c, of filters and tiles, which the engine computes.
//
// The matrices interpolate at 0, ±√½, ±√2 and ∞; B's row for a point p holds the coefficients of
// Π(x - q) over the other points q, G's (1, p, p², …)/Π(p - q), A's (1, p, p², …). The common
// choice, 0, ±1, ±2 and ∞, has larger coefficients: its error bound for 3x3 is 4.5 times as large.
//
// A tile's result depends on its own input and the filters alone. So the bits of an image don't
// depend on the other images, and those of a batch not on the number of workers.
type winograd[T Float] struct {
	e               *engine[T]
	form            tileForm
	t               *tileTransforms[T]
	batch, groups   int
	in, out         int  // channels of a group
	data            bool // the gradient of the input, whose filters are transposed and turned by 180°
	height, width   int  // of the source
	top, left       int  // padding
	outH, outW      int
	tilesH, tilesW  int
	rows, blocks    int          // tile rows in a block, blocks in the batch
	together        int          // blocks whose transformed input is in memory at once
	byBlock         bool         // a shard is a whole block, whose transformed input stays in the worker's cache
	byFilters       bool         // the products' vectors hold filters, because there are too few tiles to fill them
	tiles           int          // columns of a block's products: its tiles, and copies of the last to fill a vector
	pitch           int          // of a channel's transformed input
	point           int          // elements of all channels, for each point
	filters, shards int          // filters in a shard, and shards in a group
	depth           int          // channels whose filters are transformed at a time
	rowTiles        [2][]rowTile // of a shard, and of a group's last one
	tileRow         []rowTile    // by filters, all tiles of the block

	sourcePitch int
	direct      bool        // tiles are written to y itself; else to a workspace, because they hang over y's edges
	offsets     []int32     // of a channel's transformed input; by filters, of a tile's products
	tables      []tileTable // by block

	packed  []T // transformed input of the current blocks; borrowed
	workers perWorker[winogradScratch[T]]

	x, w, bias, y []T // of the running call
	least, most   T   // bounds of the results
	first         int // of the current blocks
	ofWorker      int // of them, whose shards follow each other, so that they are one worker's share
	call          int // number of the call

	prologue, epilogue planesFunc[T]

	pack, multiply, block, runPrologue, runEpilogue func(worker, shard int)
}

type winogradScratch[T Float] struct {
	source, target   []T
	taps, weights    []T
	products         []T
	byTile           []T // transformed input of a channel, then products of a point: by tiles, then filters
	temp             [winogradPoints * 16]T
	p                panel[T]
	call, group, row int // whose filters the weights are
}

// formOf returns the form that can compute a convolution and the gradient of its input, if one can.
func formOf(s ConvShape) (f tileForm, fits bool) {
	f = threeTaps
	if s.KernelH == 5 {
		f = fiveTaps
	}
	return f, s.KernelH == f.taps && s.KernelW == f.taps && s.StrideH == 1 && s.StrideW == 1 && s.DilationH == 1 &&
		s.DilationW == 1 && max(s.PadTop, s.PadBottom, s.PadLeft, s.PadRight) <= f.border()
}

// winogradSuits returns the form if tiles are worth considering: the element type is float32, and
// the tiles don't hang over the edges by much.
func winogradSuits[T Float](s ConvShape) (f tileForm, suits bool) {
	_, single := any(T(0)).(float32)
	f, fits := formOf(s)
	return f, single && fits && 5*s.OutHeight()*s.OutWidth() >= 3*s.tiles(f)*f.out*f.out
}

// tiles returns the number of tiles of an image.
func (s ConvShape) tiles(f tileForm) int {
	return ceilDiv(s.OutHeight(), f.out) * ceilDiv(s.OutWidth(), f.out)
}

// winogradPays says whether it is faster than the general passes, by the measurements in
// docs/performance-notebook.md: the products must be large against the transforms. It doesn't look
// at the batch, so that an image has the same bits in any.
func winogradPays[T Float](s ConvShape) bool {
	in, out := s.groupChannels()
	f, suits := winogradSuits[T](s)
	if f == fiveTaps {
		return suits && min(in, out) >= 20 && s.tiles(f) >= 16
	}
	return suits && min(in, out) >= 16 && s.tiles(f) >= 4
}

func newWinogradForward[T Float](e *engine[T], s ConvShape) *winograd[T] {
	in, out := s.groupChannels()
	f, _ := formOf(s)
	c := &winograd[T]{
		e: e, form: f, batch: s.Batch, groups: s.Groups, in: in, out: out, height: s.InHeight, width: s.InWidth,
		top: s.PadTop, left: s.PadLeft, outH: s.OutHeight(), outW: s.OutWidth(),
	}
	c.plan()
	return c
}

// newWinogradData plans the gradient of the input: a convolution of dy, padded so that its result
// is as large as x.
func newWinogradData[T Float](e *engine[T], s ConvShape) *winograd[T] {
	in, out := s.groupChannels()
	f, _ := formOf(s)
	c := &winograd[T]{
		e: e, form: f, batch: s.Batch, groups: s.Groups, in: out, out: in, data: true, height: s.OutHeight(),
		width: s.OutWidth(), top: f.border() - s.PadTop, left: f.border() - s.PadLeft,
		outH: s.InHeight, outW: s.InWidth,
	}
	c.plan()
	return c
}

func (c *winograd[T]) plan() {
	c.t = c.e.winograd.of(c.form)
	c.tilesH, c.tilesW = ceilDiv(c.outH, c.form.out), ceilDiv(c.outW, c.form.out)
	rows := c.batch * c.tilesH
	c.rows = min(rows, rowsOfTiles(c.tilesW, c.e.cols))
	c.blocks = ceilDiv(rows, c.rows)
	c.tiles = c.e.width(c.rows * c.tilesW)
	c.pitch = c.tiles
	if c.pitch%32 == 0 {
		c.pitch += 16 // so that the channels of a column of tiles lie in different sets of the cache
	}
	if tiles := c.rows * c.tilesW; c.blocks == 1 && 2*tiles <= c.e.lane && tiles <= c.e.rows && c.out%c.e.cols == 0 {
		c.byFilters, c.pitch, c.tileRow = true, tiles, []rowTile{{0, tiles}}
		if c.t.few != nil {
			c.pitch = ceilDiv(tiles, fewTogether) * fewTogether // with copies of the last tile
		}
	}
	c.point = c.groups*c.in*c.pitch + 16
	c.together = min(c.blocks, max(1, winogradBlocks/(winogradPoints*c.point)))
	c.offsets = make([]int32, c.in)
	for i := range c.offsets {
		c.offsets[i] = int32(i * c.pitch)
	}
	c.sourcePitch = c.form.out*c.tilesW + c.form.border()
	c.direct = c.outH%c.form.out == 0 && c.outW%c.form.out == 0
	c.planTables()
	c.planShards()
	if c.byFilters {
		c.offsets = make([]int32, c.tiles)
		for t := range c.offsets {
			c.offsets[t] = int32(min(t, c.pitch-1) * c.filters) // copies of the last tile, as in tileTable
		}
	}
	c.byBlock = c.groups*c.shards == 1 && c.blocks >= imageShards && winogradPoints*c.point <= winogradCached
	if c.byBlock {
		c.together = 0
	}
	c.pack, c.multiply, c.block = c.packShard, c.multiplyShard, c.blockShard
	c.runPrologue, c.runEpilogue = c.prologueShard, c.epilogueShard
}

// planShards cuts the filters of a group into parts that fit the cache and, with few blocks, occupy
// more workers.
func (c *winograd[T]) planShards() {
	rows := c.e.rows
	if c.byFilters {
		rows = c.e.cols
	}
	all := tileRows(c.out, rows)
	most := winogradFilters / (winogradPoints * c.in * all[0].rows)
	most = max(1, min(most, len(all)*c.blocks/partShards))
	c.filters = min(c.out, ceilDiv(len(all), ceilDiv(len(all), most))*all[0].rows)
	c.shards = ceilDiv(c.out, c.filters)
	c.rowTiles[0] = tileRows(c.filters, rows)
	c.rowTiles[1] = tileRows(c.out-(c.shards-1)*c.filters, rows)
	c.depth = c.in
	if c.e.continues && c.blocks == 1 {
		c.depth = min(c.in, max(16, winogradDepth/(winogradPoints*c.filters)/16*16))
	}
}

// filtersOf returns the filters of a shard of a group, and their tiles.
func (c *winograd[T]) filtersOf(shard int) (first, n int, tiles []rowTile) {
	first = shard * c.filters
	if shard < c.shards-1 {
		return first, c.filters, c.rowTiles[0]
	}
	return first, c.out - first, c.rowTiles[1]
}

// rowsOfTiles returns the number of rows of tiles in a block: about as many as have winogradTiles
// tiles, and so that few columns of the products are wasted.
func rowsOfTiles(tilesW, cols int) int {
	best, waste := 1, math.Inf(1)
	for rows := max(1, winogradTiles*3/4/tilesW); rows <= max(1, 2*winogradTiles/tilesW); rows++ {
		n := rows * tilesW
		if w := float64(ceilDiv(n, cols)*cols) / float64(n); w < waste {
			best, waste = rows, w
		}
	}
	return best
}

// tileTable says where the tiles of a block begin in a channel's source and target, and how many
// elements these have. Copies of the last tile fill a vector.
type tileTable struct {
	first, rows            int // rows of tiles, numbered through the batch
	source, target         []int32
	sourceSize, targetSize int
	inPlace                *planeTiles // the tiles in x itself; nil if they are always copied
}

// planTables sets c.tables. Blocks that begin at the same row of an image share their tables.
func (c *winograd[T]) planTables() {
	rows := c.batch * c.tilesH
	known := map[[2]int]tileTable{}
	for first := 0; first < rows; first += c.rows {
		n := min(c.rows, rows-first)
		key := [2]int{first % c.tilesH, n}
		p, ok := known[key]
		if !ok {
			p = c.newTable(key[0], n)
			known[key] = p
		}
		p.first = first
		c.tables = append(c.tables, p)
	}
}

// newTable is the table of n rows of tiles from row first of an image on.
func (c *winograd[T]) newTable(first, n int) tileTable {
	p := tileTable{rows: n}
	line := 0 // of the source
	for i := range n {
		row := first + i
		if i > 0 && row%c.tilesH == 0 {
			line += c.form.border() // the rows below the last tiles of an image
		}
		target, pitch := i*c.form.out*c.form.out*c.tilesW, c.form.out*c.tilesW
		if c.direct {
			target = (row/c.tilesH*c.groups*c.out*c.tilesH + row%c.tilesH) * c.form.out * c.outW
			pitch = c.outW
		}
		for col := range c.tilesW {
			p.source = append(p.source, int32(line*c.sourcePitch+col*c.form.out))
			p.target = append(p.target, int32(target+col*c.form.out))
		}
		line += c.form.out
		p.targetSize = target + c.form.out*pitch
	}
	p.sourceSize = (line + c.form.border()) * c.sourcePitch
	for len(p.source)%c.e.lane > 0 {
		p.source, p.target = append(p.source, p.source[len(p.source)-1]), append(p.target, p.target[len(p.target)-1])
	}
	if c.e.winograd.plane != nil {
		p.inPlace = c.planeTiles(first, n)
	}
	return p
}

// planeTiles is where the tiles of a block lie in x: rows rows of them, from row first of an image
// on. Copies of the last tile fill a vector. It is nil if the tiles lie too far apart.
func (c *winograd[T]) planeTiles(first, rows int) *planeTiles {
	tiles := rows * c.tilesW
	n := c.e.width(tiles)
	p := &planeTiles{
		at: make([]int32, n), pitch: c.width, masks: make([]uint16, n/c.e.lane*winogradPoints),
		least: math.MaxInt,
	}
	image := c.groups * c.in * c.height * c.width
	for t := range n {
		i := min(t, tiles-1)
		row, left := first+i/c.tilesW, i%c.tilesW*c.form.out-c.left
		top := row%c.tilesH*c.form.out - c.top
		at := row/c.tilesH*image + top*c.width + left
		if at > math.MaxInt32 {
			return nil
		}
		p.at[t] = int32(at)
		p.least, p.end = min(p.least, at), max(p.end, at+(winogradIn-1)*c.width+winogradCols)
		masks, inside := p.masks[t/c.e.lane*winogradPoints:], insidePlane(c.height, c.width, top, left)
		for k := range winogradPoints {
			masks[k] |= uint16(inside>>k&1) << (t % c.e.lane)
		}
	}
	return p
}

// readable says whether a block's tiles, of the plane that begins at src[first], are read in place:
// all that they read lies in the n elements of src.
func (p *tileTable) readable(first, n int) bool {
	return p.inPlace != nil && first+p.inPlace.least >= 0 && first+p.inPlace.end <= n
}

func (c *winograd[T]) run(x, w, bias, y []T, limits Limits[T], prologue, epilogue planesFunc[T]) {
	c.x, c.w, c.bias, c.y, c.prologue, c.epilogue = x, w, bias, y, prologue, epilogue
	c.least, c.most = limits.bounds()
	c.call++
	work := int64(c.batch*c.groups*c.tilesH*c.tilesW*winogradPoints) * int64(c.in*c.out)
	packed := borrow[T](c.together * winogradPoints * c.point)
	defer giveBack(packed)
	c.packed = *packed
	if prologue != nil {
		planes := borrow[T](c.batch * c.groups * c.in * c.height * c.width)
		defer giveBack(planes)
		c.x = *planes
		parallelAbove(parallelWork, work, c.batch*ceilDiv(c.groups*c.in, passBlock), c.runPrologue)
	}
	if epilogue != nil {
		planes := borrow[T](c.batch * c.groups * c.out * c.outH * c.outW)
		defer giveBack(planes)
		c.y = *planes
	}
	if c.byBlock {
		parallelAbove(parallelWork, work, c.blocks, c.block)
	}
	for c.first = 0; !c.byBlock && c.first < c.blocks; c.first += c.together {
		n := min(c.together, c.blocks-c.first)
		c.ofWorker = n
		if workers := Workers(); n%workers == 0 {
			c.ofWorker = n / workers
		}
		parallelAbove(parallelWork, work, n*c.groups*c.in, c.pack)
		parallelAbove(parallelWork, work, n*c.groups*c.shards, c.multiply)
	}
	if epilogue != nil {
		parallelAbove(parallelWork, work, c.batch*ceilDiv(c.groups*c.out, passBlock), c.runEpilogue)
	}
	c.x, c.w, c.bias, c.y, c.packed, c.prologue, c.epilogue = nil, nil, nil, nil, nil, nil, nil
}

// prologueShard makes some planes of x.
func (c *winograd[T]) prologueShard(worker, shard int) {
	c.eachPass(worker, shard, c.groups*c.in, c.height*c.width, c.x, c.prologue)
}

// epilogueShard takes some planes of y.
func (c *winograd[T]) epilogueShard(worker, shard int) {
	c.eachPass(worker, shard, c.groups*c.out, c.outH*c.outW, c.y, c.epilogue)
}

func (c *winograd[T]) eachPass(worker, shard, channels, plane int, planes []T, f planesFunc[T]) {
	shards := ceilDiv(channels, passBlock)
	image, first := shard/shards, shard%shards*passBlock
	n := min(passBlock, channels-first)
	f(worker, image, first, n, planes[(image*channels+first)*plane:][:n*plane])
}

// blockShard computes a whole block.
func (c *winograd[T]) blockShard(worker, block int) {
	s, p := c.workers.of(worker), &c.tables[block]
	packed := borrow[T](winogradPoints * c.point)
	defer giveBack(packed)
	for channel := range c.in {
		c.transformInput(s, p, channel, *packed)
	}
	c.multiplyBlock(s, p, 0, 0, *packed)
}

// packShard transforms the tiles of one channel in one of the current blocks.
func (c *winograd[T]) packShard(worker, shard int) {
	block, channel := shard/(c.groups*c.in), shard%(c.groups*c.in)
	c.transformInput(c.workers.of(worker), &c.tables[c.first+block], channel, c.packed[block*winogradPoints*c.point:])
}

// transformInput transforms the tiles of one channel in a block; packed is the block's.
func (c *winograd[T]) transformInput(s *winogradScratch[T], p *tileTable, channel int, packed []T) {
	if !c.byFilters {
		c.transformTiles(s, p, channel, packed[channel*c.pitch:], c.point)
		return
	}
	s.byTile = grow(s.byTile, winogradPoints*c.tiles)
	c.transformTiles(s, p, channel, s.byTile, c.tiles)
	c.e.copy(copyRows[T]{
		rows: winogradPoints, cols: c.pitch, src: s.byTile, srcStride: c.tiles, dst: packed[channel*c.pitch:],
		dstStride: c.point,
	})
}

// transformTiles transforms the tiles of one channel in a block, to dst, where points are point
// elements apart.
func (c *winograd[T]) transformTiles(s *winogradScratch[T], p *tileTable, channel int, dst []T, point int) {
	if plane := (p.first/c.tilesH*c.groups*c.in + channel) * c.height * c.width; p.readable(plane, len(c.x)) {
		c.e.winograd.plane(tilePlane[T]{
			src: c.x, first: plane, ahead: c.height * c.width, tiles: *p.inPlace, dst: dst, point: point,
			temp: s.temp[:],
		})
		return
	}
	s.source = grow(s.source, p.sourceSize)
	c.copySource(p, channel, s.source)
	c.e.winograd.input(tileInput[T]{
		src: s.source, pitch: c.sourcePitch, at: p.source, dst: dst, point: point, temp: s.temp[:],
	})
}

// copySource copies the input of a block's tiles, with its padding, one image after the other.
func (c *winograd[T]) copySource(p *tileTable, channel int, dst []T) {
	plane := paddedPlane{height: c.height, width: c.width, left: c.left, pitch: c.sourcePitch}
	size := c.height * c.width
	for row, end := p.first, p.first+p.rows; row < end; {
		image, next := row/c.tilesH, min(end, (row/c.tilesH+1)*c.tilesH)
		start, lines := row%c.tilesH*c.form.out-c.top, (next-row)*c.form.out+c.form.border()
		copyPadded(c.e, plane, c.x[(image*c.groups*c.in+channel)*size:][:size], start, lines, dst)
		dst = dst[lines*c.sourcePitch:]
		row = next
	}
}

// paddedPlane is a plane that is copied with zeros around it: left columns of padding, and rows of
// pitch elements.
type paddedPlane struct{ height, width, left, pitch int }

// copyPadded copies rows [start, start+lines) of a plane, of which some may lie outside. It clears
// those, but the columns of the padding must be zero before.
func copyPadded[T Float](e *engine[T], p paddedPlane, src []T, start, lines int, dst []T) {
	from := min(max(0, -start), lines)
	to := max(from, min(lines, p.height-start))
	clear(dst[:from*p.pitch])
	clear(dst[to*p.pitch : lines*p.pitch])
	if from < to {
		e.copy(copyRows[T]{
			rows: to - from, cols: min(p.width, p.pitch-p.left), src: src[(start+from)*p.width:],
			srcStride: p.width, dst: dst[from*p.pitch+p.left:], dstStride: p.pitch,
		})
	}
}

// multiplyShard computes some filters' results in one of the current blocks.
func (c *winograd[T]) multiplyShard(worker, shard int) {
	share := c.ofWorker * c.groups * c.shards
	block, part := shard/share*c.ofWorker+shard%c.ofWorker, shard%share/c.ofWorker
	packed := c.packed[block*winogradPoints*c.point:]
	c.multiplyBlock(c.workers.of(worker), &c.tables[c.first+block], part/c.shards, part%c.shards, packed)
}

// multiplyBlock computes the results of a shard of the filters in a block; packed is the block's.
func (c *winograd[T]) multiplyBlock(s *winogradScratch[T], p *tileTable, group, shard int, packed []T) {
	row, filters, tiles := c.filtersOf(shard)
	cols := len(p.source)
	point := filters*cols + 16
	s.products = grow(s.products, winogradPoints*point)
	if c.byFilters {
		c.multiplyByFilters(s, group, row, filters, tiles, packed, point)
	} else {
		c.multiplyByTiles(s, group, row, tiles, packed, point, cols)
	}
	s.p = panel[T]{}
	for i := range filters {
		c.writeTarget(s, p, group*c.out+row+i, s.products[i*cols:], point)
	}
}

// multiplyByTiles computes the products of some filters, where vectors hold tiles. With several
// blocks, the filters of the last one may be these.
func (c *winograd[T]) multiplyByTiles(
	s *winogradScratch[T], group, row int, tiles []rowTile, packed []T, point, cols int,
) {
	for k0 := 0; k0 < c.in; k0 += c.depth {
		kc := min(c.depth, c.in-k0)
		if kc < c.in || s.call != c.call || s.group != group || s.row != row {
			c.transformFilters(s, group, row, tiles, k0, kc)
			s.call, s.group, s.row = c.call, group, row
		}
		for i := range winogradPoints {
			s.p = panel[T]{
				tiles: tiles, a: s.weights[i*(c.filters*kc+slack):], k: kc, kc: kc,
				b: packed[i*c.point+group*c.in*c.pitch:], offsets: c.offsets[k0:],
				c: s.products[i*point:], ldc: cols, cols: cols, continues: k0 > 0,
			}
			c.e.mul(&s.p)
		}
	}
}

// multiplyByFilters computes the products of some filters, where vectors hold filters: the tiles
// are rows, and the filters columns.
func (c *winograd[T]) multiplyByFilters(
	s *winogradScratch[T], group, row, filters int, columns []rowTile, packed []T, point int,
) {
	size := c.pitch * c.filters
	s.byTile = grow(s.byTile, winogradPoints*size)
	for k0 := 0; k0 < c.in; k0 += c.depth {
		kc := min(c.depth, c.in-k0)
		if c.t.few != nil {
			c.multiplyFewTiles(s, group, row, columns, packed, k0, kc)
			continue
		}
		c.transformFilters(s, group, row, columns, k0, kc)
		for i := range winogradPoints {
			for _, t := range columns {
				s.p = panel[T]{
					tiles: c.tileRow, a: packed[i*c.point+group*c.in*c.pitch:], k: c.in, k0: k0, kc: kc,
					b: s.weights[i*(c.filters*kc+slack)+t.row*kc:], width: t.rows,
					c: s.byTile[i*size+t.row:], ldc: c.filters, cols: t.rows, continues: k0 > 0,
				}
				c.e.mul(&s.p)
			}
		}
	}
	for i := range winogradPoints {
		c.e.gatherTranspose(c.offsets, filters, s.byTile[i*size:], s.products[i*point:], c.tiles)
	}
}

// multiplyFewTiles adds the products of channels [k0, k0+kc), where vectors hold filters, by a
// kernel that transforms the filters, too: they are read once, and have four times as many points.
func (c *winograd[T]) multiplyFewTiles(
	s *winogradScratch[T], group, row int, columns []rowTile, packed []T, k0, kc int,
) {
	s.weights = grow(s.weights, fewTemp*c.e.lane)
	for _, t := range columns {
		s.taps = grow(s.taps, c.form.filter()*t.rows*kc)
		c.packTaps(group, rowTile{row + t.row, t.rows}, k0, kc, s.taps)
		for first := 0; first < t.rows; first += c.e.lane {
			c.t.few(fewTiles[T]{
				filters: tileFilters[T]{n: kc, rows: c.e.lane, pitch: t.rows, src: s.taps[first:], turned: c.data},
				input:   packed[(group*c.in+k0)*c.pitch:], point: c.point, tiles: c.pitch,
				sums: s.byTile[t.row+first:], sumPoint: c.pitch * c.filters, sumTile: c.filters, continues: k0 > 0,
				temp: s.weights,
			})
		}
	}
}

// transformFilters sets a worker's weights to the transformed filters of a group from row on, for
// channels [k0, k0+kc). All of them may be more than a core's cache holds, so where each is read
// only once, they are made for some channels at a time.
func (c *winograd[T]) transformFilters(s *winogradScratch[T], group, row int, tiles []rowTile, k0, kc int) {
	point := c.filters*kc + slack
	s.weights = grow(s.weights, winogradPoints*point)
	for _, t := range tiles {
		s.taps = grow(s.taps, c.form.filter()*t.rows*kc)
		c.packTaps(group, rowTile{row + t.row, t.rows}, k0, kc, s.taps)
		for first := 0; first < t.rows; first += c.e.lane {
			c.t.filters(tileFilters[T]{
				n: kc, rows: min(t.rows-first, c.e.lane), pitch: t.rows, src: s.taps[first:], turned: c.data,
				dst: s.weights[t.row*kc+first:], point: point, temp: s.temp[:],
			})
		}
	}
}

// packTaps packs a tile's rows of filters for channels [k0, k0+kc): tap k of filter i and channel
// k0+j is dst[(s·j+k)·rows + i], for filters of s elements.
func (c *winograd[T]) packTaps(group int, t rowTile, k0, kc int, dst []T) {
	filter := c.form.filter()
	if !c.data {
		w := c.w[((group*c.out+t.row)*c.in+k0)*filter:]
		c.e.transpose(transpose[T]{
			rows: t.rows, cols: kc * filter, src: w, srcStride: c.in * filter, dst: dst, dstStride: t.rows,
		})
		return
	}
	for j := range kc {
		w := c.w[((group*c.in+k0+j)*c.out+t.row)*filter:]
		c.e.transpose(transpose[T]{
			rows: t.rows, cols: filter, src: w, srcStride: filter, dst: dst[j*filter*t.rows:], dstStride: t.rows,
		})
	}
}

// writeTarget transforms a block's products of one channel back and writes them to y.
func (c *winograd[T]) writeTarget(s *winogradScratch[T], p *tileTable, channel int, products []T, point int) {
	plane := c.outH * c.outW
	t := tileOutput[T]{src: products, point: point, at: p.target, least: c.least, most: c.most, temp: s.temp[:]}
	if c.bias != nil {
		t.bias = c.bias[channel]
	}
	if c.direct {
		t.dst, t.pitch = c.y[(p.first/c.tilesH*c.groups*c.out+channel)*plane:][:p.targetSize], c.outW
		t.ahead = plane
		c.t.output(t)
		return
	}
	s.target = grow(s.target, p.targetSize)
	t.dst, t.pitch = s.target, c.form.out*c.tilesW
	c.t.output(t)
	src := s.target
	for row, end := p.first, p.first+p.rows; row < end; {
		image, next := row/c.tilesH, min(end, (row/c.tilesH+1)*c.tilesH)
		first, lines := row%c.tilesH*c.form.out, (next-row)*c.form.out
		c.e.copy(copyRows[T]{
			rows: min(lines, c.outH-first), cols: c.outW, src: src, srcStride: t.pitch,
			dst: c.y[(image*c.groups*c.out+channel)*plane+first*c.outW:], dstStride: c.outW,
		})
		src, row = src[lines*t.pitch:], next
	}
}
