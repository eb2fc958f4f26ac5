package kernel

const (
	tapBlock     = 576     // fewest taps that share one packing of dy
	pixelDepth   = 512     // pixels, of one or several images, in one block of the sum
	weightShards = 16      // most shards in a weight gradient
	shardWork    = 1 << 20 // fewest multiply-adds of a shard, if there are several
)

// convWeights is the gradient with respect to the weights,
//
//	dw[o, k] = Σ_n Σ_j dy[n, o, j] · L_n[offset(k) + j],     k = (c, r, s), j < outH·outW
//
// a matrix product whose depth is the pixels of all images. A shard owns a group, a block of
// channels and a subtree of the batch's leaves (see leaves.go), whose images it sums. The sums of
// the subtrees are joined at the end.
type convWeights[T Float] struct {
	shape         ConvShape
	e             *engine[T]
	im            *im2col
	tiles         []rowTile
	m, k, pixels  int
	channelBlock  int
	channelBlocks int
	trees         []subtree
	joins         []addition
	left          []int // the subtrees that hold sums after joins
	whole         treeSum[T]
	byDots        bool             // as dot products: see conv_dots.go
	byTiles       *tiledWeights[T] // by Winograd's tiles, or nil
	covers        bool             // the kernel covers the image: see addCovering

	parts  []T // dw of every subtree but the first; borrowed for a call
	shards perWorker[weightScratch[T]]

	part      *Part // of the running call
	x, dy, dw []T

	accumulate, sum func(worker, shard int)

	// prologue makes n planes of dy, from channel first of an image on; nil if dy is given.
	prologue planesFunc[T]
	sums     []float64 // the sum of each plane that the prologue makes, or nil
}

type weightScratch[T Float] struct {
	patches, sorted []T
	laid            []T // L of the current images, laidSize apart: patches, or x where im2col is the identity
	laidSize        int
	levels          []T // dw of a block's leaves, from level 1 on
	planes          []T // dy, if the prologue makes it
	a, b            []T // packed operands
	p               panel[T]
	lanes           []T // partial sums of dot products
	d               dots[T]
	tiled           tiledScratch[T]
}

// newConvWeights plans the pass, by tiles or by the general products.
func newConvWeights[T Float](e *engine[T], s ConvShape, byTiles bool) *convWeights[T] {
	in, out := s.groupChannels()
	c := &convWeights[T]{shape: s, e: e, im: newConvForward(e, s).im, m: out, tiles: tileRows(out, e.rows)}
	c.k, c.pixels = len(c.im.offsets), c.im.outH*c.im.outW
	c.channelBlock = min(in, ceilDiv(tapBlock, c.im.taps()))
	if byTiles {
		c.byTiles, c.channelBlock = newTiledWeights(e, s), min(in, tiledChannels)
	}
	c.channelBlocks = ceilDiv(in, c.channelBlock)
	c.covers = s.coversImage()
	c.cut(nil)
	c.byDots = e.dotTile > 0 && out*c.k <= dotWeights && c.pixels >= dotPixels
	c.accumulate, c.sum = c.blockShard, c.sumShard
	return c
}

// cut decides the subtrees of the leaves that are computed now.
func (c *convWeights[T]) cut(p *Part) {
	leaves := Leaves(p.Total(c.shape.Batch))
	from, to := p.Leaves(c.shape.Batch)
	shards := min(weightShards, max(1, int(c.shape.MultiplyAdds()/shardWork)))
	c.trees = subtrees(from, to, max(1, leaves*c.shape.Groups*c.channelBlocks/shards))
	c.joins, c.left = additions(c.trees)
}

func (c *convWeights[T]) run(p *Part, x, dy, dw []T) {
	c.part, c.x, c.dy, c.dw = p, x, dy, dw
	if p != nil {
		c.cut(p)
	}
	size := c.shape.OutChannels * c.k
	parts := borrow[T]((len(c.trees) - 1) * size)
	defer giveBack(parts)
	c.parts = *parts
	work := c.shape.MultiplyAdds()
	parallelAbove(parallelWork, work, len(c.trees)*c.shape.Groups*c.channelBlocks, c.accumulate)
	if len(c.joins) > 0 {
		parallelAbove(parallelWork, int64(size*len(c.joins)), c.shape.OutChannels, c.sum)
	}
	if p != nil {
		c.whole.complete(p, func(tree int) []T { return c.treeSums(c.left[tree], 0)[:size] }, dw[:size])
	}
	c.x, c.dy, c.dw, c.parts = nil, nil, nil, nil
}

// treeSums returns dw of a subtree, from an output channel on.
func (c *convWeights[T]) treeSums(tree, channel int) []T {
	if tree == 0 {
		return c.dw[channel*c.k:]
	}
	return c.parts[((tree-1)*c.shape.OutChannels+channel)*c.k:]
}

// sumShard joins the subtrees' sums of one output channel.
func (c *convWeights[T]) sumShard(_, channel int) {
	for _, j := range c.joins {
		to := c.treeSums(j.to, channel)[:c.k]
		kernels[T]().add(operands[T]{a: to, b: c.treeSums(j.from, channel)[:c.k], c: to})
	}
}

// weightBlock is the work of one shard: dw of a group and of n channels from first on, summed over
// images [image, end).
type weightBlock[T Float] struct {
	group, first, n int
	image, end      int
	joins           bool // dw holds the sum of the leaf's left neighbor, and gets that of both
	dw              []T  // starts at the block's first row and tap
	stride          int  // of dw's rows
}

func (c *convWeights[T]) blockShard(worker, shard int) {
	tree, rest := shard%len(c.trees), shard/len(c.trees)
	group, channels := rest%c.shape.Groups, rest/c.shape.Groups
	b := weightBlock[T]{group: group, first: channels * c.channelBlock}
	b.n = min(c.channelBlock, c.im.channels-b.first)
	t, s := c.trees[tree], c.shards.of(worker)
	s.levels = grow(s.levels, (t.levels()-1)*c.m*b.n*c.im.taps())
	for i := range t.to - t.from {
		level, joins := leafLevel(i), joinsAfter(i)
		b.image, b.end = c.part.Leaf(c.shape.Batch, t.from+i)
		if b.joins = joins > 0 && c.isOneProduct(b.end-b.image); b.joins {
			level, joins = level-1, joins-1
		}
		c.atLevel(&b, s, tree, level)
		c.addImages(worker, b)
		for range joins {
			from, stride := b.dw, b.stride
			level--
			c.atLevel(&b, s, tree, level)
			c.addTaps(b, from, stride)
		}
	}
}

// isOneProduct reports whether a leaf's sum is one product for each element of dw. A product that
// accumulates adds its sum to the element at the end, which is how the tree joins two leaves.
func (c *convWeights[T]) isOneProduct(images int) bool {
	return c.byTiles == nil && !c.byDots && images*c.pixels <= pixelDepth
}

// atLevel makes a block write to a level of its subtree.
func (c *convWeights[T]) atLevel(b *weightBlock[T], s *weightScratch[T], tree, level int) {
	taps := b.n * c.im.taps()
	if level == 0 {
		b.dw, b.stride = c.treeSums(tree, b.group*c.m)[b.first*c.im.taps():], c.k
		return
	}
	b.dw, b.stride = s.levels[(level-1)*c.m*taps:], taps
}

// addTaps adds rows of a stride to a block's dw.
func (c *convWeights[T]) addTaps(b weightBlock[T], from []T, stride int) {
	taps := b.n * c.im.taps()
	if stride == taps && b.stride == taps {
		to := b.dw[:c.m*taps]
		kernels[T]().add(operands[T]{a: to, b: from[:c.m*taps], c: to})
		return
	}
	for row := range c.m {
		to := b.dw[row*b.stride:][:taps]
		kernels[T]().add(operands[T]{a: to, b: from[row*stride:][:taps], c: to})
	}
}

// addImages works through the block's images, as many at once as fill a sum of pixelDepth or
// dotDepth.
func (c *convWeights[T]) addImages(worker int, b weightBlock[T]) {
	if c.byTiles != nil {
		c.byTiles.addImages(c, worker, b)
		return
	}
	s := c.shards.of(worker)
	depth := pixelDepth
	if c.byDots {
		depth = dotDepth
	}
	turns := ceilDiv(b.end-b.image, max(1, depth/c.pixels))
	together := ceilDiv(b.end-b.image, turns)
	if c.byDots {
		c.beginDots(s, b)
		defer c.endDots(s, b)
	}
	if !c.im.identity && !c.covers {
		s.patches = grow(s.patches, together*c.im.size(c.channelBlock))
		s.sorted = grow(s.sorted, c.im.splitSize(b.n))
	}
	for image := b.image; image < b.end; image += together {
		n := min(together, b.end-image)
		dy, stride := c.gradient(worker, s, b, image, n)
		if c.covers {
			c.addCovering(s, b, image, n, dy, stride, b.joins || image > b.image)
			continue
		}
		c.packImages(s, b, image, n)
		if c.byDots {
			c.addDots(s, b, n, dy, stride)
			continue
		}
		depth = ceilDiv(c.pixels, ceilDiv(c.pixels, pixelDepth))
		for pixel := 0; pixel < c.pixels; pixel += depth {
			accumulate := b.joins || image > b.image || pixel > 0
			c.addPixels(s, b, n, dy[pixel:], stride, pixel, min(depth, c.pixels-pixel), accumulate)
		}
	}
}

// packImages sets s.laid to L of the block's channels of n images: packed, or x where im2col is the
// identity.
func (c *convWeights[T]) packImages(s *weightScratch[T], b weightBlock[T], image, n int) {
	if c.im.identity {
		s.laid, s.laidSize = c.x[c.sourceAt(image, b):], c.shape.InChannels*c.pixels
		return
	}
	s.laid, s.laidSize = s.patches, c.im.size(c.channelBlock)
	for i := range n {
		src := c.x[c.sourceAt(image+i, b):][:b.n*c.im.height*c.im.width]
		packPatches(c.e, c.im, b.n, src, s.sorted, s.patches[i*s.laidSize:])
	}
}

// gradient returns the block's planes of dy for n images, and the distance between images.
func (c *convWeights[T]) gradient(
	worker int, s *weightScratch[T], b weightBlock[T], image, n int,
) (dy []T, stride int) {
	if c.prologue == nil {
		stride = c.shape.OutChannels * c.pixels
		return c.dy[image*stride+b.group*c.m*c.pixels:], stride
	}
	stride = c.m * c.pixels
	s.planes = grow(s.planes, n*stride)
	for i := range n {
		planes := s.planes[i*stride:][:stride]
		c.prologue(worker, image+i, b.group*c.m, c.m, planes)
		if c.sums != nil && b.first == 0 { // once a plane, although every block of channels makes it
			sums := c.sums[(image+i)*c.shape.OutChannels+b.group*c.m:][:c.m]
			kernels[T]().rowSums(operands[T]{a: planes, sums: sums, unit: c.pixels})
		}
	}
	return s.planes, stride
}

// sourceAt returns the offset in x of the block's first channel of an image.
func (c *convWeights[T]) sourceAt(image int, b weightBlock[T]) int {
	return ((image*c.shape.Groups+b.group)*c.im.channels + b.first) * c.im.height * c.im.width
}

// addPixels adds the products of pixels [pixel, pixel+depth) of n images to dw, or writes them
// unless accumulate. dy begins at that pixel.
func (c *convWeights[T]) addPixels(
	s *weightScratch[T], b weightBlock[T], n int, dy []T, stride, pixel, depth int, accumulate bool,
) {
	kc := n * depth
	s.a = grow(s.a, c.m*kc)
	for _, t := range c.tiles {
		for i := range n {
			c.e.transpose(transpose[T]{
				rows: t.rows, cols: depth, src: dy[i*stride+t.row*c.pixels:], srcStride: c.pixels,
				dst: s.a[t.row*kc+i*depth*t.rows:], dstStride: t.rows,
			})
		}
	}
	s.b = grow(s.b, kc*c.e.cols)
	taps := b.n * c.im.taps()
	for tap := 0; tap < taps; tap += c.e.cols {
		cols := min(c.e.cols, taps-tap)
		width := c.e.width(cols)
		for i := range n {
			c.e.gatherTranspose(
				c.im.offsets[tap:tap+cols], depth, s.laid[i*s.laidSize+pixel:], s.b[i*depth*width:], width,
			)
		}
		s.p = panel[T]{
			tiles: c.tiles, a: s.a, k: kc, kc: kc, b: s.b, width: width, c: b.dw[tap:], ldc: b.stride, cols: cols,
			accumulate: accumulate,
		}
		c.e.mul(&s.p)
	}
}
