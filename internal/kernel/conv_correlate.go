package kernel

const (
	imageShards = 16  // with fewer images × groups than this, shards are parts of an image
	partShards  = 16  // shards an image and group is then cut into, by pixels and by tiles of weights
	pixelBlock  = 256 // pixels in one of them, and in one panel: their operands stay in L2 while the tiles of weights pass
	lowerBlock  = 8   // channels a shard lowers there
	passBlock   = 8   // channels a shard passes on behind
)

// correlation is a planned product of packed weights with lowered images, for each image n and group g
//
//	y[n, g, i, j] = bias[g, i] + Σ_k weights[g, i, k] · L[offset(k) + j],     i < m, j < outH·outW
//
// The forward pass is one, the backward pass for the data one for each phase of the stride.
type correlation[T Float] struct {
	e                *engine[T]
	batch, groups, m int
	k, pixels        int
	low              *lowering
	tiles            []rowTile
	depth            int
	split            bool // shards are parts of an image, not images
	tileParts        int  // parts that the tiles are then cut into

	packTile func(w []T, group int, t rowTile, dst []T) // packs a tile of a group's weights, all k
	relu     bool                                       // y = max(y, 0)

	// What stands before and behind in a fused layer, or nil. Before makes n planes of x, from channel first of an image on, in room;
	// behind takes n finished planes of y. Channels count through all groups.
	before, behind planesFunc[T]

	packed  []T // weights of a group: m·k elements, tile after tile; lent for the time of a call
	lowered []T // of one image and group, when split
	columns []T // scratch of its lowering
	planes  []T // its x, where before makes it
	result  []T // its y, where behind takes it
	images  perWorker[imageScratch[T]]

	x, w, bias, y []T // of the running call
	image, group  int // of the running fork, when split

	pack, whole, lowerPart, mulPart, passPart func(worker, shard int)
}

type imageScratch[T Float] struct {
	lowered, columns, planes, result []T
	tail                             []T // the last columns of a panel that stands in x, which may not be read past
	p                                panel[T]
}

func newCorrelation[T Float](e *engine[T], batch, groups, m int, low *lowering) *correlation[T] {
	c := &correlation[T]{
		e: e, batch: batch, groups: groups, m: m, k: len(low.offsets), pixels: low.outH * low.outW, low: low,
		tiles: tileRows(m, e.rows), depth: depthOf(len(low.offsets)), split: batch*groups < imageShards,
	}
	c.tileParts = min(len(c.tiles), ceilDiv(partShards, ceilDiv(c.pixels, pixelBlock)))
	c.pack, c.whole, c.lowerPart, c.mulPart, c.passPart = c.packShard, c.imageShard, c.lowerShard, c.partShard, c.passShard
	return c
}

func (c *correlation[T]) run(x, w, bias, y []T) {
	c.x, c.w, c.bias, c.y = x, w, bias, y
	room := borrow[T](c.groups * c.m * c.k)
	defer giveBack(room)
	c.packed = *room
	parallelAbove(parallelWork, int64(c.groups*c.m*c.k), c.groups*len(c.tiles), c.pack)
	work := int64(c.m) * int64(c.k) * int64(c.pixels)
	if !c.split {
		parallelAbove(parallelWork, work*int64(c.batch*c.groups), c.batch*c.groups, c.whole)
		c.x, c.w, c.bias, c.y, c.packed = nil, nil, nil, nil, nil
		return
	}
	lowering := !c.low.asItStands || c.before != nil
	if lowering {
		c.lowered = grow(c.lowered, c.low.size(c.low.channels))
		c.columns = grow(c.columns, c.low.splitSize(c.low.channels))
	}
	if c.before != nil && !c.low.asItStands {
		c.planes = grow(c.planes, c.low.channels*c.low.height*c.low.width)
	}
	if c.behind != nil {
		c.result = grow(c.result, c.m*c.pixels)
	}
	for i := range c.batch * c.groups {
		c.image, c.group = i/c.groups, i%c.groups
		if lowering {
			parallelAbove(parallelWork, work, ceilDiv(c.low.channels, lowerBlock), c.lowerPart)
		}
		parallelAbove(parallelWork, work, ceilDiv(c.pixels, pixelBlock)*c.tileParts, c.mulPart)
		if c.behind != nil {
			parallelAbove(parallelWork, work, ceilDiv(c.m, passBlock), c.passPart)
		}
	}
	c.x, c.w, c.bias, c.y, c.packed = nil, nil, nil, nil, nil
}

func (c *correlation[T]) packShard(_, shard int) {
	group, t := shard/len(c.tiles), c.tiles[shard%len(c.tiles)]
	c.packTile(c.w, group, t, c.packed[(group*c.m+t.row)*c.k:])
}

// lowerChannels lowers n channels of an image and group, from first on; planes is room for them. Where L is the source, it is what before makes.
func (c *correlation[T]) lowerChannels(worker, image, group, first, n int, planes, columns, lowered []T) {
	if c.low.asItStands {
		c.before(worker, image, group*c.low.channels+first, n, lowered)
		return
	}
	plane := c.low.height * c.low.width
	src := planes
	if c.before != nil {
		c.before(worker, image, group*c.low.channels+first, n, planes)
	} else {
		src = c.source(image, group)[first*plane:][:n*plane]
	}
	lower(c.e, c.low, n, src, columns, lowered)
}

// source returns the channels of x of an image and group.
func (c *correlation[T]) source(image, group int) []T {
	size := c.low.channels * c.low.height * c.low.width
	return c.x[(image*c.groups+group)*size:][:size]
}

func (c *correlation[T]) imageShard(worker, shard int) {
	image, group := shard/c.groups, shard%c.groups
	s := c.images.of(worker)
	lowered := c.lowerImage(worker, s, image, group)
	if c.behind == nil {
		c.multiply(s, lowered, c.tiles, group, 0, c.pixels, c.target(image, group))
	} else {
		s.result = grow(s.result, c.m*c.pixels)
		c.multiply(s, lowered, c.tiles, group, 0, c.pixels, s.result)
		c.behind(worker, image, group*c.m, c.m, s.result)
	}
}

// lowerImage returns L of all channels of an image and group.
func (c *correlation[T]) lowerImage(worker int, s *imageScratch[T], image, group int) []T {
	if c.low.asItStands && c.before == nil {
		return c.source(image, group)
	}
	channels := c.low.channels
	s.lowered = grow(s.lowered, c.low.size(channels))
	s.columns = grow(s.columns, c.low.splitSize(channels))
	if c.before != nil && !c.low.asItStands {
		s.planes = grow(s.planes, channels*c.low.height*c.low.width)
	}
	c.lowerChannels(worker, image, group, 0, channels, s.planes, s.columns, s.lowered)
	return s.lowered
}

// target returns the place of an image's and group's result in y.
func (c *correlation[T]) target(image, group int) []T {
	return c.y[(image*c.groups+group)*c.m*c.pixels:][:c.m*c.pixels]
}

func (c *correlation[T]) lowerShard(worker, shard int) {
	first := shard * lowerBlock
	n := min(lowerBlock, c.low.channels-first)
	planes := c.planes
	if c.before != nil && !c.low.asItStands {
		planes = planes[first*c.low.height*c.low.width:]
	}
	c.lowerChannels(worker, c.image, c.group, first, n, planes, c.columns[c.low.splitSize(first):], c.lowered[c.low.size(first):])
}

// partShard multiplies a part of the tiles with a block of pixels.
func (c *correlation[T]) partShard(worker, shard int) {
	part, first := shard%c.tileParts, shard/c.tileParts*pixelBlock
	tiles := c.tiles[part*len(c.tiles)/c.tileParts : (part+1)*len(c.tiles)/c.tileParts]
	s := c.images.of(worker)
	y, lowered := c.result, c.lowered
	if c.behind == nil {
		y = c.target(c.image, c.group)
	}
	if c.low.asItStands && c.before == nil {
		lowered = c.source(c.image, c.group)
	}
	c.multiply(s, lowered, tiles, c.group, first, min(first+pixelBlock, c.pixels), y)
}

func (c *correlation[T]) passShard(worker, shard int) {
	first := shard * passBlock
	n := min(passBlock, c.m-first)
	c.behind(worker, c.image, c.group*c.m+first, n, c.result[first*c.pixels:][:n*c.pixels])
}

// multiply computes some tiles of weights and pixels [first, end) of an image and group, whose result is y.
func (c *correlation[T]) multiply(s *imageScratch[T], lowered []T, tiles []rowTile, group, first, end int, y []T) {
	var bias []T
	if c.bias != nil {
		bias = c.bias[group*c.m:][:c.m]
	}
	for k0 := 0; k0 < c.k; k0 += c.depth {
		kc := min(c.depth, c.k-k0)
		s.p = panel[T]{
			tiles: tiles, a: c.packed[group*c.m*c.k:], k: c.k, k0: k0, kc: kc, offsets: c.low.offsets[k0:], ldc: c.pixels,
			accumulate: k0 > 0, relu: c.relu && k0+kc == c.k,
		}
		if k0 == 0 {
			s.p.bias = bias
		}
		whole := end
		if c.low.asItStands && end == c.pixels {
			whole -= (end - first) % c.e.lane
		}
		for j := first; j < whole; j += pixelBlock {
			s.p.b, s.p.c, s.p.cols = lowered[j:], y[j:], min(pixelBlock, whole-j)
			c.e.mul(&s.p)
		}
		if whole < end {
			c.multiplyTail(s, lowered[k0*c.pixels+whole:], y[whole:], end-whole)
		}
	}
	s.p = panel[T]{} // it would keep what is lent
}

// multiplyTail computes the last columns of the panel in s, fewer than a vector's lanes: behind those of the last channel there may be nothing to
// read, so they are copied.
func (c *correlation[T]) multiplyTail(s *imageScratch[T], columns, y []T, n int) {
	s.tail = grow(s.tail, s.p.kc*c.e.lane)
	c.e.copy(copyRows[T]{rows: s.p.kc, cols: n, src: columns, srcStride: c.pixels, dst: s.tail, dstStride: c.e.lane})
	s.p.b, s.p.offsets, s.p.width, s.p.c, s.p.cols = s.tail, nil, c.e.lane, y, n
	c.e.mul(&s.p)
}
