package kernel

// coversImage reports whether the kernel is as large as the image, at stride 1, and each of its
// taps reads a pixel of the image. With padding and dilation a kernel of that size can have one
// result, too, but then most of its taps are outside.
func (s ConvShape) coversImage() bool {
	return s.Groups == 1 && s.KernelH == s.InHeight && s.KernelW == s.InWidth &&
		s.StrideH == 1 && s.StrideW == 1 && s.OutHeight() == 1 && s.OutWidth() == 1 &&
		s.PadTop+s.PadBottom == 0 && s.PadLeft+s.PadRight == 0
}

// covering is the forward pass of a kernel that covers the image: a fully connected layer of the
// image's pixels, y = x·Wᵀ + b, with the correlation's bits.
type covering[T Float] struct {
	affine   *affineTurned[T]
	result   []T // y, if the epilogue takes it
	epilogue planesFunc[T]
	pass     func(worker, image int)
}

// newCovering returns nil if the kernel doesn't cover the image, or if the engine can't read the
// weights where they lie.
func newCovering[T Float](e *engine[T], s ConvShape) *covering[T] {
	if !s.coversImage() || !e.rowMajor {
		return nil
	}
	c := &covering[T]{affine: newAffineTurned(e, s.Batch, s.InChannels*s.InHeight*s.InWidth, s.OutChannels)}
	c.affine.biasAfter = true
	c.pass = c.passImage
	return c
}

func (c *covering[T]) run(x, w, bias, y []T, limits Limits[T], epilogue planesFunc[T]) {
	if epilogue == nil {
		c.affine.run(x, w, bias, y, limits)
		return
	}
	c.result = grow(c.result, c.affine.batch*c.affine.out)
	c.affine.run(x, w, bias, c.result, limits)
	c.epilogue = epilogue
	parallelAbove(parallelWork, int64(len(c.result)), c.affine.batch, c.pass)
	c.epilogue = nil
}

func (c *covering[T]) passImage(worker, image int) {
	c.epilogue(worker, image, 0, c.affine.out, c.result[image*c.affine.out:][:c.affine.out])
}

// addCovering adds a block's gradient dyᵀ·x of n images, or writes it unless accumulate. Both
// operands have a row for each image; dy begins at the block's first row.
func (c *convWeights[T]) addCovering(
	s *weightScratch[T], b weightBlock[T], image, n int, dy []T, stride int, accumulate bool,
) {
	s.a = grow(s.a, c.m*n)
	for _, t := range c.tiles {
		c.e.copy(copyRows[T]{
			rows: n, cols: t.rows, src: dy[t.row:], srcStride: stride, dst: s.a[t.row*n:], dstStride: t.rows,
		})
	}
	x, taps, pixels := c.x[c.sourceAt(image, b):], b.n*c.im.taps(), c.im.channels*c.im.taps()
	s.b = grow(s.b, n*c.e.width(c.e.cols))
	for tap := 0; tap < taps; tap += c.e.cols {
		cols := min(c.e.cols, taps-tap)
		width := c.e.width(cols)
		c.e.copy(copyRows[T]{
			rows: n, cols: cols, src: x[tap:], srcStride: pixels, dst: s.b, dstStride: width,
		})
		s.p = panel[T]{
			tiles: c.tiles, a: s.a, k: n, kc: n, b: s.b, width: width, c: b.dw[tap:], ldc: b.stride, cols: cols,
			accumulate: accumulate,
		}
		c.e.mul(&s.p)
	}
}
