package kernel

const (
	imageShards = 16      // with fewer images × groups than this, a shard may be a part of an image
	partShards  = 16      // shards in an image and group then, by pixels and by tiles of weights
	pixelBlock  = 256     // most pixels in a shard and in a panel: their operands stay in L2 while the weights pass
	leastPixels = 64      // least pixels of a shard, if the pixels are divided for the workers
	portionSize = 1 << 17 // most elements of a portion's results, if it has several tiles
	patchShards = 16      // shards that pack an image by im2col
	passBlock   = 8       // channels that a shard hands to the epilogue
	rowsBlock   = 512     // pixels of the batch up to which packing a row-major A costs more than it gains
)

// correlation is a planned product of packed weights with packed images. For each image n and group
// g, with L from im2col,
//
//	y[n, g, i, j] = bias[g, i] + Σ_k weights[g, i, k] · L[offset(k) + j],     i < m, j < outH·outW
//
// The forward pass is one correlation. The gradient of the data takes one for each phase of the
// stride.
type correlation[T Float] struct {
	e                *engine[T]
	batch, groups, m int
	k, pixels        int
	im               *im2col
	tiles            []rowTile
	portions         []portion // of the tiles
	depth            int
	inRows           bool // weights are read where they lie, row-major, and packTile isn't called

	dotTail int // last pixels of an image that are computed as dot products; see lastPixels

	packTile    func(w []T, group int, t rowTile, dst []T) // packs a tile of a group's weights, all k
	tailOffsets []int32                                    // of the rows of a tail, for row-major weights
	tailColumns []int32                                    // of the columns that lastPixels copies
	limits      Limits[T]                                  // of y

	// The neighbors in a fused layer, or nil. The prologue makes n planes of x, from channel first
	// of an image on; the epilogue takes n finished planes of y. Channels count through all groups.
	prologue, epilogue planesFunc[T]

	packed  []T // weights of a group: m·k elements, tile after tile; borrowed for a call; or w
	patches []T // L of one image and group that several shards share
	sorted  []T // its columns sorted by phase
	planes  []T // its x, if the prologue makes it
	result  []T // its y, if the epilogue takes it
	images  perWorker[imageScratch[T]]

	x, w, bias, y []T // of the running call
	image, group  int // that several shards share now
	parts         int // of the tiles, in such shards
	blocks        int // of its pixels

	pack, whole, im2colPart, mulPart, passPart func(worker, shard int)
}

// portion is some tiles of weights, from row first on, which their rows count from. Their results
// stay in L2 until the epilogue takes them.
type portion struct {
	first, rows int
	tiles       []rowTile
}

func portionsOf(tiles []rowTile, pixels int) (portions []portion) {
	for _, t := range tiles {
		last := len(portions) - 1
		if last < 0 || (portions[last].rows+t.rows)*pixels > portionSize {
			portions, last = append(portions, portion{first: t.row}), last+1
		}
		p := &portions[last]
		p.tiles = append(p.tiles, rowTile{t.row - p.first, t.rows})
		p.rows += t.rows
	}
	return portions
}

type imageScratch[T Float] struct {
	patches, sorted, planes, result []T
	tail                            []T // copy of a panel's last columns in x, beyond which nothing may be read
	columns, lanes, sums            []T // of lastPixels
	p                               panel[T]
	d                               dots[T]
}

func newCorrelation[T Float](e *engine[T], batch, groups, m int, im *im2col) *correlation[T] {
	c := &correlation[T]{
		e: e, batch: batch, groups: groups, m: m, k: len(im.offsets), pixels: im.outH * im.outW, im: im,
		tiles: tileRows(m, e.rows), depth: depthOf(len(im.offsets)),
	}
	c.portions = portionsOf(c.tiles, c.pixels)
	c.pack, c.whole = c.packShard, c.imageShard
	c.im2colPart, c.mulPart, c.passPart = c.im2colShard, c.partShard, c.passShard
	return c
}

// readRows makes the correlation read its weights row-major, in w itself, if the engine can.
func (c *correlation[T]) readRows() {
	c.inRows = c.e.rowMajor
	if !c.inRows || !c.im.identity {
		return
	}
	c.tailOffsets = make([]int32, c.depth)
	for i := range c.tailOffsets {
		c.tailOffsets[i] = int32(i * c.e.lane)
	}
}

func (c *correlation[T]) run(x, w, bias, y []T) {
	c.x, c.w, c.bias, c.y = x, w, bias, y
	if c.inRows {
		c.packed = w
	} else {
		weights := borrow[T](c.groups * c.m * c.k)
		defer giveBack(weights)
		c.packed = *weights
		parallelAbove(parallelWork, int64(c.groups*c.m*c.k), c.groups*len(c.tiles), c.pack)
	}
	work := int64(c.m) * int64(c.k) * int64(c.pixels)
	all := c.batch * c.groups
	whole := wholeImages(all)
	if whole > 0 {
		parallelAbove(parallelWork, work*int64(whole), whole, c.whole)
	}
	if whole < all {
		c.growShared()
	}
	for i := whole; i < all; i++ {
		c.image, c.group = i/c.groups, i%c.groups
		c.runParts(work)
	}
	c.x, c.w, c.bias, c.y, c.packed = nil, nil, nil, nil, nil
}

// wholeImages returns how many of n images, the first ones, are a shard each: all of them if they
// are many, or as many as the workers divide evenly. A worker then reads what it has written in the
// layer before, in its own core's cache. Parts of the other images occupy all workers.
func wholeImages(n int) int {
	if n >= imageShards {
		return n
	}
	return n - n%Workers()
}

// growShared makes the workspace of an image that several shards share.
func (c *correlation[T]) growShared() {
	if c.packs() {
		c.patches = grow(c.patches, c.im.size(c.im.channels))
		c.sorted = grow(c.sorted, c.im.splitSize(c.im.channels))
	}
	if c.prologue != nil && !c.im.identity {
		c.planes = grow(c.planes, c.im.channels*c.im.height*c.im.width)
	}
	if c.epilogue != nil {
		c.result = grow(c.result, c.m*c.pixels)
	}
}

// packs says whether L isn't x itself.
func (c *correlation[T]) packs() bool { return !c.im.identity || c.prologue != nil }

// runParts computes the current image and group, of the given work.
func (c *correlation[T]) runParts(work int64) {
	if c.packs() {
		parallelAbove(parallelWork, work, min(patchShards, c.im.channels), c.im2colPart)
	}
	c.blocks = pixelBlocks(c.pixels)
	c.parts = min(len(c.tiles), ceilDiv(partShards, c.blocks))
	parallelAbove(parallelWork, work, c.blocks*c.parts, c.mulPart)
	if c.epilogue != nil {
		parallelAbove(parallelWork, work, ceilDiv(c.m, passBlock), c.passPart)
	}
}

// pixelBlocks returns how many blocks an image's pixels are cut into for several shards: as many as
// the workers divide evenly, if these are large enough.
func pixelBlocks(pixels int) int {
	n := ceilDiv(pixels, pixelBlock)
	if even := ceilDiv(n, Workers()) * Workers(); even*leastPixels <= pixels {
		return even
	}
	return n
}

// blockStart returns the first pixel of a block: the blocks hold whole panels of the engine.
func (c *correlation[T]) blockStart(block int) int {
	if block == c.blocks {
		return c.pixels
	}
	return (block*c.pixels/c.blocks + c.e.cols/2) / c.e.cols * c.e.cols
}

func (c *correlation[T]) packShard(_, shard int) {
	group, t := shard/len(c.tiles), c.tiles[shard%len(c.tiles)]
	c.packTile(c.w, group, t, c.packed[(group*c.m+t.row)*c.k:])
}

// packChannels packs n channels of an image and group, from first on, into patches. planes is
// workspace for the prologue. Where im2col is the identity, the prologue writes patches itself.
func (c *correlation[T]) packChannels(worker, image, group, first, n int, planes, sorted, patches []T) {
	if c.im.identity {
		c.prologue(worker, image, group*c.im.channels+first, n, patches)
		return
	}
	plane := c.im.height * c.im.width
	src := planes
	if c.prologue != nil {
		c.prologue(worker, image, group*c.im.channels+first, n, planes)
	} else {
		src = c.source(image, group)[first*plane:][:n*plane]
	}
	packPatches(c.e, c.im, n, src, sorted, patches)
}

// source returns the channels of x of an image and group.
func (c *correlation[T]) source(image, group int) []T {
	size := c.im.channels * c.im.height * c.im.width
	return c.x[(image*c.groups+group)*size:][:size]
}

func (c *correlation[T]) imageShard(worker, shard int) {
	image, group := shard/c.groups, shard%c.groups
	s := c.images.of(worker)
	patches := c.packImage(worker, s, image, group)
	if c.epilogue == nil {
		c.multiply(s, patches, c.tiles, group*c.m, 0, c.pixels, c.target(image, group))
	} else {
		for _, part := range c.portions {
			s.result = grow(s.result, part.rows*c.pixels)
			c.multiply(s, patches, part.tiles, group*c.m+part.first, 0, c.pixels, s.result)
			c.epilogue(worker, image, group*c.m+part.first, part.rows, s.result)
		}
	}
}

// packImage returns L of all channels of an image and group.
func (c *correlation[T]) packImage(worker int, s *imageScratch[T], image, group int) []T {
	if !c.packs() {
		return c.source(image, group)
	}
	channels := c.im.channels
	s.patches = grow(s.patches, c.im.size(channels))
	s.sorted = grow(s.sorted, c.im.splitSize(channels))
	if c.prologue != nil && !c.im.identity {
		s.planes = grow(s.planes, channels*c.im.height*c.im.width)
	}
	c.packChannels(worker, image, group, 0, channels, s.planes, s.sorted, s.patches)
	return s.patches
}

// target returns the part of y that holds an image and group.
func (c *correlation[T]) target(image, group int) []T {
	return c.y[(image*c.groups+group)*c.m*c.pixels:][:c.m*c.pixels]
}

func (c *correlation[T]) im2colShard(worker, shard int) {
	shards := min(patchShards, c.im.channels)
	first := shard * c.im.channels / shards
	n := (shard+1)*c.im.channels/shards - first
	planes := c.planes
	if c.prologue != nil && !c.im.identity {
		planes = planes[first*c.im.height*c.im.width:]
	}
	c.packChannels(
		worker, c.image, c.group, first, n, planes, c.sorted[c.im.splitSize(first):], c.patches[c.im.size(first):],
	)
}

// partShard multiplies a part of the tiles with a block of pixels. A worker's shards are a part of
// the pixels; or if there are more filters than terms, as before a depthwise convolution, a part of
// the filters, whose planes that reads.
func (c *correlation[T]) partShard(worker, shard int) {
	part, block := shard%c.parts, shard/c.parts
	if c.m > c.k {
		part, block = shard/c.blocks, shard%c.blocks
	}
	tiles := c.tiles[part*len(c.tiles)/c.parts : (part+1)*len(c.tiles)/c.parts]
	s := c.images.of(worker)
	y, patches := c.result, c.patches
	if c.epilogue == nil {
		y = c.target(c.image, c.group)
	}
	if !c.packs() {
		patches = c.source(c.image, c.group)
	}
	c.multiply(s, patches, tiles, c.group*c.m, c.blockStart(block), c.blockStart(block+1), y)
}

func (c *correlation[T]) passShard(worker, shard int) {
	first := shard * passBlock
	n := min(passBlock, c.m-first)
	c.epilogue(worker, c.image, c.group*c.m+first, n, c.result[first*c.pixels:][:n*c.pixels])
}

// multiply computes some tiles of weights, whose rows count from the given one of all groups, for
// pixels [first, end) of an image and group. y begins at that row of its result. The last pixels,
// if they don't fill a vector, are computed in one that overlaps the one before; their sums must
// then be complete, as a second block of k would add to them twice.
func (c *correlation[T]) multiply(s *imageScratch[T], patches []T, tiles []rowTile, row, first, end int, y []T) {
	var bias []T
	if c.bias != nil {
		bias = c.bias[row:]
	}
	if end == c.pixels && c.dotTail > 0 {
		end -= c.dotTail
		c.lastPixels(s, patches[end:], tiles, row, y[end:])
	}
	for k0 := 0; k0 < c.k; k0 += c.depth {
		kc := min(c.depth, c.k-k0)
		s.p = panel[T]{
			tiles: tiles, a: c.packed[row*c.k:], k: c.k, k0: k0, kc: kc, offsets: c.im.offsets[k0:],
			ldc:        c.pixels,
			accumulate: k0 > 0,
		}
		if c.inRows {
			s.p.stride = c.k
		}
		if k0+kc == c.k {
			s.p.limits = c.limits
		}
		if k0 == 0 {
			s.p.bias = bias
		}
		whole := end
		if c.im.identity && end == c.pixels-c.dotTail {
			whole -= (end - first) % c.e.lane
		}
		for j := first; j < whole; j += pixelBlock {
			s.p.b, s.p.c, s.p.cols = patches[j:], y[j:], min(pixelBlock, whole-j)
			c.e.mul(&s.p)
		}
		switch {
		case whole == end:
		case c.inRows && c.depth == c.k && whole > first && end-whole <= c.e.lane/2:
			s.p.b, s.p.c, s.p.cols = patches[end-c.e.lane/2:], y[end-c.e.lane/2:], c.e.lane/2
			c.e.mulHalf(&s.p)
		case c.depth == c.k && whole > first:
			s.p.b, s.p.c, s.p.cols = patches[end-c.e.lane:], y[end-c.e.lane:], c.e.lane
			c.e.mul(&s.p)
		default:
			c.multiplyTail(s, patches[k0*c.pixels+whole:], y[whole:], end-whole)
		}
	}
	s.p = panel[T]{} // drops the borrowed memory
}

// multiplyTail computes the last columns of the panel in s, fewer than a vector's lanes. It copies
// them first: reading whole vectors after the last channel's could leave x.
func (c *correlation[T]) multiplyTail(s *imageScratch[T], columns, y []T, n int) {
	s.tail = grow(s.tail, s.p.kc*c.e.lane)
	c.e.copy(copyRows[T]{rows: s.p.kc, cols: n, src: columns, srcStride: c.pixels, dst: s.tail, dstStride: c.e.lane})
	s.p.b, s.p.offsets, s.p.width, s.p.c, s.p.cols = s.tail, c.tailOffsets, c.e.lane, y, n
	c.e.mul(&s.p)
}

const (
	mostDots      = 2   // most last pixels that are faster as dot products
	mostDotPlane  = 128 // pixels of an image from which they matter little
	leastDotTerms = 128 // fewest terms of such a product
)

// planLastPixels makes the last pixels of a small image dot products if they would fill little of a
// vector, which costs as much as a full one. The weights must be row-major.
func (c *correlation[T]) planLastPixels() {
	tail := c.pixels % c.e.lane
	small := c.pixels > c.e.lane && c.pixels < mostDotPlane
	if c.im.identity && small && tail <= min(mostDots, c.e.dotTile) && c.k >= leastDotTerms {
		c.dotTail = tail
		for i := range tail {
			c.tailColumns = append(c.tailColumns, int32(i*c.k))
		}
	}
}

// lastPixels is multiply for the last pixels of an image and group: patches and y begin at the
// first of these. Each is a dot product of a row of weights and a column of L.
func (c *correlation[T]) lastPixels(s *imageScratch[T], patches []T, tiles []rowTile, row int, y []T) {
	n := c.dotTail
	s.columns = grow(s.columns, n*c.k)
	c.e.transpose(transpose[T]{rows: c.k, cols: n, src: patches, srcStride: c.pixels, dst: s.columns, dstStride: c.k})
	first, last := tiles[0].row, tiles[len(tiles)-1]
	rows := last.row + last.rows - first
	s.lanes, s.sums = grow(s.lanes, rows*n*c.e.dotLanes), grow(s.sums, rows*n)
	clear(s.lanes)
	weights := c.w[(row+first)*c.k:]
	s.d = dots[T]{n: c.k, aStride: c.k, b: s.columns, offsets: c.tailColumns, images: 1, accStride: n * c.e.dotLanes}
	for i := 0; i < rows; i += c.e.dotTile {
		s.d.rows, s.d.a, s.d.acc = min(c.e.dotTile, rows-i), weights[i*c.k:], s.lanes[i*s.d.accStride:]
		c.e.dot(&s.d)
	}
	s.d = dots[T]{} // drops the weights
	c.e.laneSums(s.lanes, s.sums)
	least, most := c.limits.bounds()
	for i, v := range s.sums {
		at := first + i/n
		if c.bias != nil {
			v += c.bias[row+at]
		}
		y[at*c.pixels+i%n] = min(max(v, least), most)
	}
}
