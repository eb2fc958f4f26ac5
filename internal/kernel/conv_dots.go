package kernel

// A gradient of few weights over many pixels is a small matrix of long dot products. A blocked
// product would spend more time on transposing its operands than on multiplying them. Dot products
// read both operands along the pixels, as they lie in memory.
const (
	dotWeights = 4096 // most weights of a group
	dotPixels  = 64   // fewest pixels of a plane
)

// beginDots clears the partial sums of a block.
func (c *convWeights[T]) beginDots(s *weightScratch[T], b weightBlock[T]) {
	s.lanes = grow(s.lanes, c.m*b.n*c.im.taps()*c.e.dotLanes)
	clear(s.lanes)
}

// addDots adds the products of n packed images, tile by tile: a tile's rows of dy stay in L1 while
// the taps pass.
func (c *convWeights[T]) addDots(s *weightScratch[T], b weightBlock[T], n int, dy []T, stride int) {
	taps := b.n * c.im.taps()
	rowTiles, tapTiles := ceilDiv(c.m, c.e.dotTile), ceilDiv(taps, c.e.dotTile)
	s.d = dots[T]{
		n: c.pixels, aStride: c.pixels, b: s.laid,
		images: n, aImage: stride, bImage: s.laidSize, accStride: taps * c.e.dotLanes,
	}
	for i := range rowTiles {
		row, end := i*c.m/rowTiles, (i+1)*c.m/rowTiles
		for j := range tapTiles {
			tap := j * taps / tapTiles
			s.d.rows, s.d.a = end-row, dy[row*c.pixels:]
			s.d.offsets, s.d.acc = c.im.offsets[tap:(j+1)*taps/tapTiles], s.lanes[(row*taps+tap)*c.e.dotLanes:]
			c.e.dot(&s.d)
		}
	}
}

// endDots writes the block's sums.
func (c *convWeights[T]) endDots(s *weightScratch[T], b weightBlock[T]) {
	taps := b.n * c.im.taps()
	for row := range c.m {
		c.e.laneSums(s.lanes[row*taps*c.e.dotLanes:], b.dw[row*b.stride:][:taps])
	}
}
