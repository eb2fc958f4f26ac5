package kernel

const (
	tapBlock     = 576 // taps, at least, that share one packing of dy
	pixelDepth   = 512 // pixels, of one or several images, in one block of the sum
	weightShards = 16  // shards a weight gradient is cut into
)

// convWeights is the gradient with respect to the weights,
//
//	dw[o, k] = Σ_n Σ_j dy[n, o, j] · L_n[offset(k) + j],     k = (c, r, s), j < outH·outW
//
// a matrix product whose depth is the pixels of all images. A shard owns a group, a block of channels and a block of images: several
// blocks of images add into parts of their own, which are summed in order at the end.
type convWeights[T Float] struct {
	shape         ConvShape
	e             *engine[T]
	low           *lowering
	tiles         []rowTile
	m, k, pixels  int
	channelBlock  int
	channelBlocks int
	imageBlocks   int
	byDots        bool // see conv_dots.go

	parts  []T // the second to last image block's dw; lent for the time of a call
	shards perWorker[weightScratch[T]]

	x, dy, dw []T // of the running call

	accumulate, sum func(worker, shard int)

	// before makes n planes of dy, from channel first of an image on, in room; nil where dy is given.
	before planesFunc[T]
	sums   []float64 // if before is there and sums not nil: of each plane it makes
}

type weightScratch[T Float] struct {
	lowered, columns []T
	laid             []T // L of the images at work, laidSize apart: lowered, or x where that is the same
	laidSize         int
	planes           []T // dy, where before makes it
	a, b             []T // packed operands
	p                panel[T]
	lanes            []T // partial sums of dot products
	d                dots[T]
}

func newConvWeights[T Float](e *engine[T], s ConvShape) *convWeights[T] {
	in, out := s.groupChannels()
	c := &convWeights[T]{shape: s, e: e, low: newConvForward(e, s).low, m: out, tiles: tileRows(out, e.rows)}
	c.k, c.pixels = len(c.low.offsets), c.low.outH*c.low.outW
	c.channelBlock = min(in, ceilDiv(tapBlock, c.low.taps()))
	c.channelBlocks = ceilDiv(in, c.channelBlock)
	c.imageBlocks = min(s.Batch, ceilDiv(weightShards, s.Groups*c.channelBlocks))
	c.byDots = e.dotTile > 0 && out*c.k <= dotWeights && c.pixels >= dotPixels
	c.accumulate, c.sum = c.blockShard, c.sumShard
	return c
}

func (c *convWeights[T]) run(x, dy, dw []T) {
	c.x, c.dy, c.dw = x, dy, dw
	size := c.shape.OutChannels * c.k
	room := borrow[T]((c.imageBlocks - 1) * size)
	defer giveBack(room)
	c.parts = *room
	work := c.shape.MultiplyAdds()
	parallelAbove(parallelWork, work, c.imageBlocks*c.shape.Groups*c.channelBlocks, c.accumulate)
	if c.imageBlocks > 1 {
		parallelAbove(parallelWork, int64(size*c.imageBlocks), c.shape.OutChannels, c.sum)
	}
	c.x, c.dy, c.dw, c.parts = nil, nil, nil, nil
}

// sumShard adds the parts of one output channel to dw.
func (c *convWeights[T]) sumShard(_, channel int) {
	dw := c.dw[channel*c.k:][:c.k]
	for block := range c.imageBlocks - 1 {
		for i, v := range c.parts[(block*c.shape.OutChannels+channel)*c.k:][:c.k] {
			dw[i] += v
		}
	}
}

// weightBlock is what one shard computes: dw of a group and of n channels from first on, and one block of images' share of it.
type weightBlock[T Float] struct {
	group, first, n int
	image, end      int
	dw              []T // from the block's first row and tap
}

func (c *convWeights[T]) blockShard(worker, shard int) {
	imageBlock, rest := shard%c.imageBlocks, shard/c.imageBlocks
	group, channels := rest%c.shape.Groups, rest/c.shape.Groups
	b := weightBlock[T]{
		group: group, first: channels * c.channelBlock,
		image: imageBlock * c.shape.Batch / c.imageBlocks, end: (imageBlock + 1) * c.shape.Batch / c.imageBlocks,
		dw: c.dw,
	}
	b.n = min(c.channelBlock, c.low.channels-b.first)
	if imageBlock > 0 {
		b.dw = c.parts[(imageBlock-1)*c.shape.OutChannels*c.k:]
	}
	b.dw = b.dw[group*c.m*c.k+b.first*c.low.taps():]
	c.addImages(worker, b)
}

// addImages works through the block's images, as many at once as make a sum of pixelDepth or dotDepth.
func (c *convWeights[T]) addImages(worker int, b weightBlock[T]) {
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
	if !c.low.asItStands {
		s.lowered = grow(s.lowered, together*c.low.size(c.channelBlock))
		s.columns = grow(s.columns, c.low.splitSize(b.n))
	}
	for image := b.image; image < b.end; image += together {
		n := min(together, b.end-image)
		c.lowerImages(s, b, image, n)
		dy, stride := c.gradient(worker, s, b, image, n)
		if c.byDots {
			c.addDots(s, b, n, dy, stride)
			continue
		}
		depth = ceilDiv(c.pixels, ceilDiv(c.pixels, pixelDepth))
		for pixel := 0; pixel < c.pixels; pixel += depth {
			c.addPixels(s, b, n, dy[pixel:], stride, pixel, min(depth, c.pixels-pixel), image > b.image || pixel > 0)
		}
	}
}

// lowerImages makes n images' L of the block's channels, or finds it in x.
func (c *convWeights[T]) lowerImages(s *weightScratch[T], b weightBlock[T], image, n int) {
	if c.low.asItStands {
		s.laid, s.laidSize = c.x[c.sourceAt(image, b):], c.shape.InChannels*c.pixels
		return
	}
	s.laid, s.laidSize = s.lowered, c.low.size(c.channelBlock)
	for i := range n {
		src := c.x[c.sourceAt(image+i, b):][:b.n*c.low.height*c.low.width]
		lower(c.e, c.low, b.n, src, s.columns, s.lowered[i*s.laidSize:])
	}
}

// gradient returns the block's planes of dy for n images, and how far apart the images lie.
func (c *convWeights[T]) gradient(worker int, s *weightScratch[T], b weightBlock[T], image, n int) (dy []T, stride int) {
	if c.before == nil {
		stride = c.shape.OutChannels * c.pixels
		return c.dy[image*stride+b.group*c.m*c.pixels:], stride
	}
	stride = c.m * c.pixels
	s.planes = grow(s.planes, n*stride)
	for i := range n {
		planes := s.planes[i*stride:][:stride]
		c.before(worker, image+i, b.group*c.m, c.m, planes)
		if c.sums != nil && b.first == 0 { // once for each plane, though every block of channels makes it
			sums := c.sums[(image+i)*c.shape.OutChannels+b.group*c.m:][:c.m]
			kernels[T]().rowSums(operands[T]{a: planes, sums: sums, unit: c.pixels})
		}
	}
	return s.planes, stride
}

// sourceAt returns where in x an image's channels of the block begin.
func (c *convWeights[T]) sourceAt(image int, b weightBlock[T]) int {
	return ((image*c.shape.Groups+b.group)*c.low.channels + b.first) * c.low.height * c.low.width
}

// addPixels adds depth pixels, from pixel on, of n images, or writes them if they are the first. dy begins at that pixel.
func (c *convWeights[T]) addPixels(s *weightScratch[T], b weightBlock[T], n int, dy []T, stride, pixel, depth int, accumulate bool) {
	kc := n * depth
	s.a = grow(s.a, c.m*kc)
	for _, t := range c.tiles {
		for i := range n {
			c.e.flip(transpose[T]{
				rows: t.rows, cols: depth, src: dy[i*stride+t.row*c.pixels:], srcStride: c.pixels,
				dst: s.a[t.row*kc+i*depth*t.rows:], dstStride: t.rows,
			})
		}
	}
	s.b = grow(s.b, kc*c.e.cols)
	taps := b.n * c.low.taps()
	for tap := 0; tap < taps; tap += c.e.cols {
		cols := min(c.e.cols, taps-tap)
		width := c.e.width(cols)
		for i := range n {
			c.e.gatherFlip(c.low.offsets[tap:tap+cols], depth, s.laid[i*s.laidSize+pixel:], s.b[i*depth*width:], width)
		}
		s.p = panel[T]{
			tiles: c.tiles, a: s.a, k: kc, kc: kc, b: s.b, width: width, c: b.dw[tap:], ldc: c.k, cols: cols, accumulate: accumulate,
		}
		c.e.mul(&s.p)
	}
}
