package kernel

// A weight gradient of few weights and many pixels is a small matrix of long dot products. Blocked as a product it would spend more on
// transposing its operands than on multiplying them; dot products read both along the pixels, as they lie.
const (
	dotWeights = 4096 // weights a group, at most
	dotPixels  = 64   // pixels a plane, at least
)

// beginDots clears the partial sums of a block.
func (c *convWeights[T]) beginDots(s *weightScratch[T], b weightBlock[T]) {
	s.lanes = grow(s.lanes, c.m*b.n*c.low.taps()*c.e.dotLanes)
	clear(s.lanes)
}

// addDots adds the products of n lowered images, tile by tile: a tile's rows of dy stay in L1 while the taps pass.
func (c *convWeights[T]) addDots(s *weightScratch[T], b weightBlock[T], n int, dy []T, stride int) {
	taps := b.n * c.low.taps()
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
			s.d.offsets, s.d.acc = c.low.offsets[tap:(j+1)*taps/tapTiles], s.lanes[(row*taps+tap)*c.e.dotLanes:]
			c.e.dot(&s.d)
		}
	}
}

// endDots writes the block's sums.
func (c *convWeights[T]) endDots(s *weightScratch[T], b weightBlock[T]) {
	taps := b.n * c.low.taps()
	for row := range c.m {
		c.e.laneSums(s.lanes[row*taps*c.e.dotLanes:], b.dw[row*c.k:][:taps])
	}
}
