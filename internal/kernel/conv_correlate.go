package kernel

const (
	imageShards = 16 // with fewer images × groups than this, an image's pixels are sharded too
	pixelBlock  = 8  // panels of pixels in one such shard
	lowerBlock  = 8  // channels a shard lowers there
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

	packTile func(w []T, group int, t rowTile, dst []T) // packs a tile of a group's weights, all k

	packed  []T // of a group: m·k elements, tile after tile
	lowered []T // of one image and group, when split
	columns []T // scratch of its lowering
	images  stack[imageScratch[T]]

	x, w, bias, y []T // of the running call
	image, group  int // of the running fork, when split

	pack, whole, lowerPart, mulPart func(int)
}

type imageScratch[T Float] struct {
	lowered, columns []T
	p                panel[T]
}

func newCorrelation[T Float](e *engine[T], batch, groups, m int, low *lowering) *correlation[T] {
	c := &correlation[T]{
		e: e, batch: batch, groups: groups, m: m, k: len(low.offsets), pixels: low.outH * low.outW, low: low,
		tiles: tileRows(m, e.rows), depth: depthOf(len(low.offsets)), split: batch*groups < imageShards,
	}
	c.pack, c.whole, c.lowerPart, c.mulPart = c.packShard, c.imageShard, c.lowerShard, c.pixelShard
	return c
}

func (c *correlation[T]) run(x, w, bias, y []T) {
	c.x, c.w, c.bias, c.y = x, w, bias, y
	c.packed = grow(c.packed, c.groups*c.m*c.k)
	parallelAbove(parallelWork, int64(c.groups*c.m*c.k), c.groups*len(c.tiles), c.pack)
	work := int64(c.m) * int64(c.k) * int64(c.pixels)
	if !c.split {
		parallelAbove(parallelWork, work*int64(c.batch*c.groups), c.batch*c.groups, c.whole)
		c.x, c.w, c.bias, c.y = nil, nil, nil, nil
		return
	}
	c.lowered = grow(c.lowered, c.low.size(c.low.channels))
	c.columns = grow(c.columns, c.low.splitSize(c.low.channels))
	for i := range c.batch * c.groups {
		c.image, c.group = i/c.groups, i%c.groups
		parallelAbove(parallelWork, work, ceilDiv(c.low.channels, lowerBlock), c.lowerPart)
		parallelAbove(parallelWork, work, ceilDiv(c.pixels, pixelBlock*c.e.cols), c.mulPart)
	}
	c.x, c.w, c.bias, c.y = nil, nil, nil, nil
}

func (c *correlation[T]) packShard(shard int) {
	group, t := shard/len(c.tiles), c.tiles[shard%len(c.tiles)]
	c.packTile(c.w, group, t, c.packed[(group*c.m+t.row)*c.k:])
}

// source returns the planes of an image and group.
func (c *correlation[T]) source(image, group int) []T {
	size := c.low.channels * c.low.height * c.low.width
	return c.x[(image*c.groups+group)*size:][:size]
}

func (c *correlation[T]) imageShard(shard int) {
	image, group := shard/c.groups, shard%c.groups
	s := c.images.take()
	s.lowered = grow(s.lowered, c.low.size(c.low.channels))
	s.columns = grow(s.columns, c.low.splitSize(c.low.channels))
	lower(c.e, c.low, c.low.channels, c.source(image, group), s.columns, s.lowered)
	c.multiply(s, s.lowered, image, group, 0, c.pixels)
	c.images.put(s)
}

func (c *correlation[T]) lowerShard(shard int) {
	first := shard * lowerBlock
	n := min(lowerBlock, c.low.channels-first)
	src := c.source(c.image, c.group)[first*c.low.height*c.low.width:]
	lower(c.e, c.low, n, src, c.columns[c.low.splitSize(first):], c.lowered[first*c.low.channelSize:])
}

func (c *correlation[T]) pixelShard(shard int) {
	first := shard * pixelBlock * c.e.cols
	s := c.images.take()
	c.multiply(s, c.lowered, c.image, c.group, first, min(first+pixelBlock*c.e.cols, c.pixels))
	c.images.put(s)
}

// multiply computes pixels [first, end) of an image and group.
func (c *correlation[T]) multiply(s *imageScratch[T], lowered []T, image, group, first, end int) {
	y := c.y[(image*c.groups+group)*c.m*c.pixels:][:c.m*c.pixels]
	var bias []T
	if c.bias != nil {
		bias = c.bias[group*c.m:][:c.m]
	}
	for k0 := 0; k0 < c.k; k0 += c.depth {
		for j := first; j < end; j += c.e.cols {
			s.p = panel[T]{
				tiles: c.tiles, a: c.packed[group*c.m*c.k:], k: c.k, k0: k0, kc: min(c.depth, c.k-k0),
				b: lowered[j:], offsets: c.low.offsets[k0:], c: y[j:], ldc: c.pixels, cols: min(c.e.cols, end-j),
				accumulate: k0 > 0,
			}
			if k0 == 0 {
				s.p.bias = bias
			}
			c.e.mul(&s.p)
		}
	}
}
