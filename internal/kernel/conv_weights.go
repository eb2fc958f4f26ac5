package kernel

const (
	tapBlock     = 576 // fewest taps that share one packing of dy
	pixelDepth   = 512 // pixels, of one or several images, in one block of the sum
	weightShards = 16  // shards in a weight gradient
)

// convWeights is the gradient with respect to the weights,
//
//	dw[o, k] = Σ_n Σ_j dy[n, o, j] · L_n[offset(k) + j],     k = (c, r, s), j < outH·outW
//
// a matrix product whose depth is the pixels of all images. A shard owns a group, a block of
// channels and a block of images. Each block of images adds into its own part; the parts are summed
// in order at the end.
type convWeights[T Float] struct {
	shape         ConvShape
	e             *engine[T]
	im            *im2col
	tiles         []rowTile
	m, k, pixels  int
	channelBlock  int
	channelBlocks int
	imageBlocks   int
	byDots        bool // as dot products: see conv_dots.go

	parts  []T // dw of every image block but the first; borrowed for a call
	shards perWorker[weightScratch[T]]

	x, dy, dw []T // of the running call

	accumulate, sum func(worker, shard int)

	// prologue makes n planes of dy, from channel first of an image on; nil if dy is given.
	prologue planesFunc[T]
	sums     []float64 // the sum of each plane that the prologue makes, or nil
}

type weightScratch[T Float] struct {
	patches, sorted []T
	laid            []T // L of the current images, laidSize apart: patches, or x where im2col is the identity
	laidSize        int
	planes          []T // dy, if the prologue makes it
	a, b            []T // packed operands
	p               panel[T]
	lanes           []T // partial sums of dot products
	d               dots[T]
}

func newConvWeights[T Float](e *engine[T], s ConvShape) *convWeights[T] {
	in, out := s.groupChannels()
	c := &convWeights[T]{shape: s, e: e, im: newConvForward(e, s).im, m: out, tiles: tileRows(out, e.rows)}
	c.k, c.pixels = len(c.im.offsets), c.im.outH*c.im.outW
	c.channelBlock = min(in, ceilDiv(tapBlock, c.im.taps()))
	c.channelBlocks = ceilDiv(in, c.channelBlock)
	c.imageBlocks = min(s.Batch, ceilDiv(weightShards, s.Groups*c.channelBlocks))
	c.byDots = e.dotTile > 0 && out*c.k <= dotWeights && c.pixels >= dotPixels
	c.accumulate, c.sum = c.blockShard, c.sumShard
	return c
}

func (c *convWeights[T]) run(x, dy, dw []T) {
	c.x, c.dy, c.dw = x, dy, dw
	size := c.shape.OutChannels * c.k
	parts := borrow[T]((c.imageBlocks - 1) * size)
	defer giveBack(parts)
	c.parts = *parts
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

// weightBlock is the work of one shard: dw of a group and of n channels from first on, summed over
// images [image, end).
type weightBlock[T Float] struct {
	group, first, n int
	image, end      int
	dw              []T // starts at the block's first row and tap
}

func (c *convWeights[T]) blockShard(worker, shard int) {
	imageBlock, rest := shard%c.imageBlocks, shard/c.imageBlocks
	group, channels := rest%c.shape.Groups, rest/c.shape.Groups
	b := weightBlock[T]{
		group: group, first: channels * c.channelBlock,
		image: imageBlock * c.shape.Batch / c.imageBlocks, end: (imageBlock + 1) * c.shape.Batch / c.imageBlocks,
		dw: c.dw,
	}
	b.n = min(c.channelBlock, c.im.channels-b.first)
	if imageBlock > 0 {
		b.dw = c.parts[(imageBlock-1)*c.shape.OutChannels*c.k:]
	}
	b.dw = b.dw[group*c.m*c.k+b.first*c.im.taps():]
	c.addImages(worker, b)
}

// addImages works through the block's images, as many at once as fill a sum of pixelDepth or
// dotDepth.
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
	if !c.im.identity {
		s.patches = grow(s.patches, together*c.im.size(c.channelBlock))
		s.sorted = grow(s.sorted, c.im.splitSize(b.n))
	}
	for image := b.image; image < b.end; image += together {
		n := min(together, b.end-image)
		c.packImages(s, b, image, n)
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
			tiles: c.tiles, a: s.a, k: kc, kc: kc, b: s.b, width: width, c: b.dw[tap:], ldc: c.k, cols: cols,
			accumulate: accumulate,
		}
		c.e.mul(&s.p)
	}
}
