package kernel

// ConvReLUPool is a convolution, a ReLU and a max pooling in one op that works image by image. Each
// worker holds the convolution's result, or its gradient, for one image at a time, in its cache.
// Only the pooled result, a fraction of it, goes to memory. It can replace
//
//	Conv.Forward(x, w, bias, a)    ReLU(a, r)    MaxPool.Forward(r, y)
//
// and of their backward passes
//
//	MaxPool.Backward(dy, dr)    ReLUBackward(r, dr, da)    Conv.BackwardWeights(x, da, dw), …
//
// with the same bits. The backward passes apply the ReLU's mask first: a pixel that the pooling
// chose has r > 0 exactly where the window's y > 0, so da is dy masked by y and then scattered to
// the chosen pixels.
//
// Call Forward before the backward passes of the same step, which use the argmax it found after
// KeepIndices. A ConvReLUPool owns its workspace and serves one call at a time.
type ConvReLUPool[T Float] struct {
	conv   *Conv[T]
	pool   *MaxPool[T]
	masked perWorker[maskedScratch[T]]
	sums   []float64 // of the planes of the convolution's gradient
	y, dy  []T       // of the running call, after pooling

	poolOne, unpoolOne planesFunc[T] // stored once, because a closure for each call would allocate
}

type maskedScratch[T Float] struct{ dy []T }

// NewConvReLUPool plans a fused layer. It sets the pooling's batch, channels and input size from
// the convolution.
func NewConvReLUPool[T Float](s ConvShape, p PoolShape) *ConvReLUPool[T] {
	s = s.withDefaults()
	p.Batch, p.Channels, p.InHeight, p.InWidth = s.Batch, s.OutChannels, s.OutHeight(), s.OutWidth()
	c := &ConvReLUPool[T]{conv: NewConv[T](s), pool: NewMaxPool[T](p)}
	c.sums = make([]float64, s.Batch*s.OutChannels)
	c.poolOne, c.unpoolOne = c.poolPlanes, c.unpoolPlanes
	return c
}

// KeepIndices is [MaxPool.KeepIndices].
func (c *ConvReLUPool[T]) KeepIndices() { c.pool.KeepIndices() }

// Split makes the layer compute a part of a batch.
func (c *ConvReLUPool[T]) Split(p *Part) { c.conv.Split(p) }

// LateWeights is [Conv.LateWeights].
func (c *ConvReLUPool[T]) LateWeights() { c.conv.LateWeights() }

// LateBias is [Conv.LateBias].
func (c *ConvReLUPool[T]) LateBias() { c.conv.LateBias() }

// Forward computes y = maxpool(relu(conv(x, w) + bias)); bias may be nil.
func (c *ConvReLUPool[T]) Forward(x, w, bias, y []T) {
	c.y = y
	c.conv.run(x, w, bias, nil, AtLeast0[T](), c.poolOne)
	c.y = nil
}

// poolPlanes pools n planes of an image, from channel first on.
func (c *ConvReLUPool[T]) poolPlanes(worker, image, first, n int, planes []T) {
	out := c.pool.out
	from := image*c.pool.Channels + first
	kernels[T]().maxPlanes(
		&c.pool.windows, worker, planes[:n*c.pool.in], c.y[from*out:][:n*out], c.pool.indicesOf(from, from+n),
	)
}

// unpoolPlanes computes n planes of the gradient of the convolution's result.
func (c *ConvReLUPool[T]) unpoolPlanes(worker, image, first, n int, planes []T) {
	k := kernels[T]()
	out := c.pool.out
	from := image*c.pool.Channels + first
	s := c.masked.of(worker)
	s.dy = grow(s.dy, n*out)
	k.reluBackward(operands[T]{a: c.y[from*out:][:n*out], b: c.dy[from*out:][:n*out], c: s.dy})
	k.maxBackwardPlanes(&c.pool.windows, c.pool.argmax[from*out:][:n*out], s.dy, planes[:n*c.pool.in])
}

// BackwardData computes dx from w, from Forward's y and from dy, the gradient with respect to y.
func (c *ConvReLUPool[T]) BackwardData(w, y, dy, dx []T) {
	c.y, c.dy = y, dy
	c.conv.runData(w, nil, dx, c.unpoolOne)
	c.y, c.dy = nil, nil
}

// BackwardWeights computes dw from Forward's y and from dy, the gradient with respect to y. With
// biased it also makes the sums that BackwardBias adds.
func (c *ConvReLUPool[T]) BackwardWeights(x, y, dy, dw []T, biased bool) {
	var sums []float64
	if biased {
		sums = c.sums
	}
	c.y, c.dy = y, dy
	c.conv.runWeights(x, nil, dw, c.unpoolOne, sums)
	c.y, c.dy = nil, nil
}

// BackwardBias computes db, after BackwardWeights.
func (c *ConvReLUPool[T]) BackwardBias(db []T) {
	c.conv.bias.of(c.conv.part, c.pool.Channels, c.sums, db)
}
