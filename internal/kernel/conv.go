package kernel

// ConvShape is the geometry of a two-dimensional convolution on NCHW images. Strides, dilations and
// groups of zero mean one.
//
// Group g of OutChannels/Groups output channels reads group g of InChannels/Groups input channels;
// weights are (OutChannels, InChannels/Groups, KernelH, KernelW).
type ConvShape struct {
	Batch, InChannels, InHeight, InWidth int
	OutChannels, KernelH, KernelW        int
	StrideH, StrideW                     int
	PadTop, PadBottom, PadLeft, PadRight int
	DilationH, DilationW                 int
	Groups                               int
}

// OutHeight returns the height of the output plane.
func (s ConvShape) OutHeight() int { return s.rowAxis().windows() }

// OutWidth returns the width of the output plane.
func (s ConvShape) OutWidth() int { return s.columnAxis().windows() }

func (s ConvShape) rowAxis() axis {
	s = s.withDefaults()
	return axis{
		in: s.InHeight, kernel: s.KernelH, stride: s.StrideH, before: s.PadTop, after: s.PadBottom,
		dilation: s.DilationH,
	}
}

func (s ConvShape) columnAxis() axis {
	s = s.withDefaults()
	return axis{
		in: s.InWidth, kernel: s.KernelW, stride: s.StrideW, before: s.PadLeft, after: s.PadRight,
		dilation: s.DilationW,
	}
}

// MultiplyAdds returns the multiply-adds of one forward pass over the batch.
func (s ConvShape) MultiplyAdds() int64 {
	perPixel := s.InChannels / max(1, s.Groups) * s.KernelH * s.KernelW
	return int64(s.Batch) * int64(s.OutChannels) * int64(s.OutHeight()*s.OutWidth()) * int64(perPixel)
}

func (s ConvShape) withDefaults() ConvShape {
	for _, v := range []*int{&s.StrideH, &s.StrideW, &s.DilationH, &s.DilationW, &s.Groups} {
		*v = max(1, *v)
	}
	return s
}

// groupChannels returns the input and output channels of one group.
func (s ConvShape) groupChannels() (in, out int) {
	return s.InChannels / s.Groups, s.OutChannels / s.Groups
}

// Conv is a convolution (a cross-correlation, as in all of deep learning):
//
//	y[n,o,h,w] = bias[o] + Σ_{c,r,s} weights[o,c,r,s] · x[n,c,i,j]
//	         i = h·strideH + r·dilationH - padTop,    j = w·strideW + s·dilationW - padLeft
//
// with zeros outside the image. A Conv owns its workspace, which grows at the first call of each
// pass, and serves one call at a time. The result of an image has the same bits at every index in
// the batch.
type Conv[T Float] struct {
	shape    ConvShape
	e        *engine[T]
	forward  *correlation[T]
	covering *covering[T] // replaces forward; nil if the kernel doesn't cover the image
	data     *convData[T]
	weights  *convWeights[T]
	byPlane  depthwise[T] // replaces the three passes; nil where it isn't faster

	byTiles                 bool // Winograd's passes replace forward and data
	tiledForward, tiledData *winograd[T]

	part *Part
	late bool // dw is read after [Part.Finish] only
	bias imageSum[T]
}

// depthwise holds the passes of a depthwise convolution. In a fused layer the epilogue follows the
// forward pass and the prologue makes the backward passes' dy; both may be nil. sums, which may be
// nil, gets the sum of each plane that the prologue makes. See correlation and convWeights.
type depthwise[T Float] interface {
	forward(x, w, bias, y []T, limits Limits[T], epilogue planesFunc[T])
	backwardData(w, dy, dx []T, prologue planesFunc[T])
	backwardWeights(p *Part, x, dy, dw []T, prologue planesFunc[T], sums []float64)
}

// planesFunc produces or consumes the n planes of an image that start with channel first.
type planesFunc[T Float] func(worker, image, first, n int, planes []T)

// NewConv plans a convolution of the given shape.
func NewConv[T Float](s ConvShape) *Conv[T] {
	c := &Conv[T]{shape: s.withDefaults(), e: engineFor[T]()}
	c.byTiles = winogradPays[T](c.shape)
	c.covering = newCovering(c.e, c.shape)
	if c.e.depthwise != nil {
		c.byPlane = c.e.depthwise(c.shape)
	}
	return c
}

// Split makes the convolution compute a part of a batch.
func (c *Conv[T]) Split(p *Part) { c.part = p }

// LateWeights lets BackwardWeights return before dw is complete, which it then is after
// [Part.Finish].
func (c *Conv[T]) LateWeights() { c.late = true }

// LateBias is LateWeights for BackwardBias.
func (c *Conv[T]) LateBias() { c.bias.late = true }

// Forward computes y from x, w and bias; bias may be nil.
func (c *Conv[T]) Forward(x, w, bias, y []T) { c.run(x, w, bias, y, Limits[T]{}, nil) }

// ForwardWithin is Forward with limits on y, in the same pass.
func (c *Conv[T]) ForwardWithin(limits Limits[T], x, w, bias, y []T) {
	c.run(x, w, bias, y, limits, nil)
}

func (c *Conv[T]) run(x, w, bias, y []T, limits Limits[T], epilogue planesFunc[T]) {
	if c.byPlane != nil {
		c.byPlane.forward(x, w, bias, y, limits, epilogue)
		return
	}
	if c.byTiles {
		c.tiledForwardPass().run(x, w, bias, y, limits, nil, epilogue)
		return
	}
	if c.covering != nil {
		c.covering.run(x, w, bias, y, limits, epilogue)
		return
	}
	f := c.forwardPass()
	f.limits, f.epilogue = limits, epilogue
	f.run(x, w, bias, y)
}

// BackwardData computes dx, the gradient with respect to the input.
func (c *Conv[T]) BackwardData(w, dy, dx []T) { c.runData(w, dy, dx, nil) }

func (c *Conv[T]) runData(w, dy, dx []T, prologue planesFunc[T]) {
	if c.byPlane != nil {
		c.byPlane.backwardData(w, dy, dx, prologue)
		return
	}
	if c.byTiles {
		c.tiledDataPass().run(dy, w, nil, dx, Limits[T]{}, prologue, nil)
		return
	}
	d := c.dataPass()
	for i := range d.phases {
		if d.phases[i].c != nil {
			d.phases[i].c.prologue = prologue
		}
	}
	d.run(w, dy, dx)
}

// BackwardWeights computes dw, the gradient with respect to the weights.
func (c *Conv[T]) BackwardWeights(x, dy, dw []T) { c.runWeights(x, dy, dw, nil, nil) }

func (c *Conv[T]) runWeights(x, dy, dw []T, prologue planesFunc[T], sums []float64) {
	if c.byPlane != nil {
		c.byPlane.backwardWeights(c.part, x, dy, dw, prologue, sums)
		return
	}
	p := c.weightsPass()
	p.prologue, p.sums, p.whole.late = prologue, sums, c.late
	p.run(c.part, x, dy, dw)
}

// BackwardBias computes db[o], the sum of dy over the batch and the plane of channel o.
func (c *Conv[T]) BackwardBias(dy, db []T) {
	plane := c.shape.OutHeight() * c.shape.OutWidth()
	n := c.shape.OutChannels
	eachPlane(c.shape.Batch*n, plane, dy, func(sums []float64) { c.bias.of(c.part, n, sums, db) })
}

// Each pass is planned at its first use: prediction needs no backward passes, a first layer no
// gradient of the data.

func (c *Conv[T]) forwardPass() *correlation[T] {
	if c.forward == nil {
		c.forward = newConvForward(c.e, c.shape)
	}
	return c.forward
}

func (c *Conv[T]) tiledForwardPass() *winograd[T] {
	if c.tiledForward == nil {
		c.tiledForward = newWinogradForward(c.e, c.shape)
	}
	return c.tiledForward
}

func (c *Conv[T]) tiledDataPass() *winograd[T] {
	if c.tiledData == nil {
		c.tiledData = newWinogradData(c.e, c.shape)
	}
	return c.tiledData
}

func (c *Conv[T]) dataPass() *convData[T] {
	if c.data == nil {
		c.data = newConvData(c.e, c.shape)
	}
	return c.data
}

func (c *Conv[T]) weightsPass() *convWeights[T] {
	if c.weights == nil {
		c.weights = newConvWeights(c.e, c.shape, winogradWeightsPays[T](c.shape))
	}
	return c.weights
}

// newConvForward plans the forward pass: tap (r, s) of output (0, 0) is source row r·dilation -
// pad, column s·dilation - pad.
func newConvForward[T Float](e *engine[T], s ConvShape) *correlation[T] {
	in, out := s.groupChannels()
	low := newIm2col(in, s.InHeight, s.InWidth, s.OutHeight(), s.OutWidth(), s.StrideH, s.StrideW,
		tapStarts(s.KernelH, s.DilationH, s.PadTop), tapStarts(s.KernelW, s.DilationW, s.PadLeft))
	c := newCorrelation(e, s.Batch, s.Groups, out, low)
	c.packTile = func(w []T, group int, t rowTile, dst []T) {
		e.packTile(matrix[T]{data: w[group*out*c.k:], stride: c.k}, t, c.k, dst)
	}
	if s.Batch*c.pixels <= rowsBlock || c.pixels <= e.rowsPlane {
		c.readRows()
	}
	c.planLastPixels()
	return c
}

func tapStarts(kernel, dilation, pad int) []int {
	starts := make([]int, kernel)
	for i := range starts {
		starts[i] = i*dilation - pad
	}
	return starts
}
