//go:build amd64 && !purego

package kernel

// depthwiseWork is parallelWork for depthwise convolutions, whose multiply-adds take more than
// eight times as long as a product's.
const depthwiseWork = parallelWork / 8

// vectorChannels is the assembly for depthwise convolutions in one instruction set.
type vectorChannels struct {
	pool          *vectorPool
	weigh, weigh4 weighTapsFunc
	weighNine     [2]weighNineFunc // by the row stride less one
	weighPlane    weighPlaneFunc   // nil where masks are slow
	dots          [7]tapDotsFunc   // by number of taps
}

// weighTapsFunc is an assembly function that computes rows results, or 4·rows for weigh4; see
// weighTaps.
type weighTapsFunc func(
	rows, cols, step, outStep int, x *float32, n int, taps *int32, weights, y *float32, bias, least, most float32,
)

// weighNineFunc is weighTapsFunc for 4·rows rows of 3x3 windows. row is between rows of x; second
// and third are the columns of a window.
type weighNineFunc func(
	rows, cols, row, outStep int, x *float32, second, third int, weights, y *float32, bias, least, most float32,
)

// weighPlaneFunc sets a plane to the weighted sums of 3x3 windows around each element of x, a plane
// of the same size whose rows fit a vector.
type weighPlaneFunc func(rows, cols int, x, weights, y *float32, bias, least, most float32)

type tapDotsFunc func(rows, cols, step int, x *float32, taps *int32, dy, lanes *float32)

// channelConv is a depthwise convolution, plane by plane: input channel c makes the output channels
// c·m … c·m + m-1. A plane has the layout of a pooling with the same windows (see poolLayout),
// because a convolution is a weighted sum of taps where an average is a plain one, and so is its
// gradient. A shard is a block of channels of one image or, for the gradient of the weights, of all
// images in turn.
type channelConv struct {
	windows
	v        *vectorChannels
	laneSums func(lanes, sums []float32)
	m        int  // filters per input channel
	taps     int  // taps per filter
	nine     bool // windows are 3x3, of neighboring rows, at row stride 1 or 2
	around   bool // windows are 3x3 around each element of a plane whose rows fit a vector
	block    int  // input channels in a shard
	work     int64
	bands    []rowBand // of the forward pass

	phaseTaps [][]poolTap // of each gradientPhase, for m consecutive planes of dy
	scratch   perWorker[channelScratch]

	x, w, bias, y      []float32 // of the running call; y is dy in the backward passes
	dx, dw             []float32
	least, most        float32 // bounds of the results
	epilogue, prologue planesFunc[float32]
	sums               []float64
	part               *Part
	trees              []subtree // of the leaves that are computed now
	parts              []float32 // dw of every subtree but the first
	whole              treeSum[float32]

	forwardBlock, dataBlock, weightsBlock func(worker, shard int)
}

type channelScratch struct {
	planes  []float32 // y for the epilogue, or dy from the prologue
	dy      []float32 // m planes with a border
	weights []float32 // of the taps of a phase
	lanes   []float32 // partial sums of dw over a leaf
	levels  []float32 // dw of a block of channels at each level of the batch's tree
}

// newChannelConv returns nil for a convolution that isn't depthwise, and for shapes without a
// useful layout: windows that are mostly padding, wide strides.
func newChannelConv(s ConvShape, v *vectorChannels, laneSums func(lanes, sums []float32)) depthwise[float32] {
	windows := PoolShape{
		Batch: s.Batch, Channels: s.InChannels, InHeight: s.InHeight, InWidth: s.InWidth,
		KernelH: s.KernelH, KernelW: s.KernelW, StrideH: s.StrideH, StrideW: s.StrideW,
		PadTop: s.PadTop, PadBottom: s.PadBottom, PadLeft: s.PadLeft, PadRight: s.PadRight,
		DilationH: s.DilationH, DilationW: s.DilationW,
	}
	if s.Groups == 1 || s.Groups != s.InChannels || s.StrideW > maxGradientStride || !windows.hasLayout() {
		return nil
	}
	c := &channelConv{windows: newWindows(windows), v: v, laneSums: laneSums}
	c.m, c.taps = s.OutChannels/s.Groups, s.KernelH*s.KernelW
	c.block = max(1, min(ceilDiv(s.InChannels, weightShards), sweepShard/c.in))
	c.nine = s.KernelH == 3 && s.KernelW == 3 && c.DilationH == 1 && s.StrideH <= 2
	c.around = c.nine && s.StrideH == 1 && s.StrideW == 1 && s.DilationW == 1 && v.weighPlane != nil &&
		s.PadTop == 1 && s.PadBottom == 1 && s.PadLeft == 1 && s.PadRight == 1 && s.InWidth <= v.pool.lanes
	c.work = s.MultiplyAdds()
	if c.bands = c.windows.bands(); c.around {
		c.bands = []rowBand{{windows: &c.windows}}
	}
	c.forwardBlock, c.dataBlock, c.weightsBlock = c.forwardShard, c.dataShard, c.weightsShard
	return c
}

func (c *channelConv) blocks() int { return ceilDiv(c.Channels, c.block) }

// blockOf returns the first input channel of a shard and their number.
func (c *channelConv) blockOf(shard int) (first, n int) {
	first = shard % c.blocks() * c.block
	return first, min(c.block, c.Channels-first)
}

func (c *channelConv) forward(x, w, bias, y []float32, limits Limits[float32], epilogue planesFunc[float32]) {
	c.x, c.w, c.bias, c.y, c.epilogue = x, w, bias, y, epilogue
	c.least, c.most = limits.bounds()
	parallelAbove(depthwiseWork, c.work, c.Batch*c.blocks(), c.forwardBlock)
	c.x, c.w, c.bias, c.y, c.epilogue = nil, nil, nil, nil, nil
}

func (c *channelConv) forwardShard(worker, shard int) {
	image := shard / c.blocks()
	first, n := c.blockOf(shard)
	s := c.scratch.of(worker)
	y, size := c.y, n*c.m*c.out
	if c.epilogue != nil {
		s.planes = grow(s.planes, size)
		y = s.planes
	} else {
		y = y[(image*c.Channels+first)*c.m*c.out:][:size]
	}
	for i := range n {
		c.convolve(worker, image, first+i, y[i*c.m*c.out:])
	}
	if c.epilogue != nil {
		c.epilogue(worker, image, first*c.m, n*c.m, y)
	}
}

// convolve computes the outputs of one channel of an image.
func (c *channelConv) convolve(worker, image, channel int, y []float32) {
	x := inputs(&c.windows, c.x, image*c.Channels+channel)
	for _, b := range c.bands {
		var laid []float32
		if !c.around {
			laid = c.lay(worker, b.windows, x[b.x:][:b.in:b.in])
		}
		for f := range c.m {
			filter := channel*c.m + f
			bias := float32(0)
			if c.bias != nil {
				bias = c.bias[filter]
			}
			weights, y := c.w[filter*c.taps:][:c.taps], y[f*c.out+b.y:][:b.out]
			if c.around {
				c.v.weighPlane(b.InHeight, b.InWidth, &x[0], &weights[0], &y[0], bias, c.least, c.most)
				continue
			}
			c.weigh(b, laid, weights, y, bias)
		}
	}
}

// weigh computes a band from its layout.
func (c *channelConv) weigh(b rowBand, laid, weights, y []float32, bias float32) {
	l, rows, cols := b.layout(), len(b.rows), len(b.columns)
	if c.nine && rows >= bandRows {
		c.v.weighNines(c.StrideH, rows, cols, l, laid, weights, y, bias, c.least, c.most)
		return
	}
	c.v.weighRows(rows, cols, c.StrideH*l.rowSize, cols, laid, l.taps, weights, y, bias, c.least, c.most)
}

// lay returns the layout of x, a plane or some rows of it, with slack after it, unless all rows of
// results have a vector's length.
func (c *channelConv) lay(worker int, w *windows, x []float32) []float32 {
	ws := w.workspaces.of(worker)
	if w.layout().identity && len(w.columns) < c.v.pool.lanes {
		ws.x = grow(ws.x, len(x))
		copy(ws.x, x)
		return ws.x
	}
	return c.v.pool.layOutZeros(w, ws, x)
}

// weighRows sets rows of y to weighted sums of taps of x. It works on four rows at once, which
// share the loads of a tap. If the number of rows isn't a multiple of four, it computes some rows
// twice.
func (v *vectorChannels) weighRows(
	rows, cols, step, outStep int, x []float32, taps []poolTap, weights, y []float32, bias, least, most float32,
) {
	weights, y = weights[:len(taps)], y[:(rows-1)*outStep+cols]
	if rows < 4 {
		v.weigh(rows, cols, step, outStep, &x[0], len(taps), &taps[0].offset, &weights[0], &y[0], bias, least, most)
		return
	}
	v.weigh4(rows/4, cols, step, outStep, &x[0], len(taps), &taps[0].offset, &weights[0], &y[0], bias, least, most)
	if rows%4 > 0 {
		x, y = x[(rows-4)*step:], y[(rows-4)*outStep:]
		v.weigh4(1, cols, step, outStep, &x[0], len(taps), &taps[0].offset, &weights[0], &y[0], bias, least, most)
	}
}

// weighNines is weighRows for 3x3 windows.
func (v *vectorChannels) weighNines(
	stride, rows, cols int, l *poolLayout, x, weights, y []float32, bias, least, most float32,
) {
	weights, y = weights[:9], y[:rows*cols]
	second, third := int(l.taps[1].offset), int(l.taps[2].offset)
	weigh := v.weighNine[stride-1]
	weigh(rows/4, cols, l.rowSize, cols, &x[0], second, third, &weights[0], &y[0], bias, least, most)
	if rows%4 > 0 {
		x, y = x[(rows-4)*stride*l.rowSize:], y[(rows-4)*cols:]
		weigh(1, cols, l.rowSize, cols, &x[0], second, third, &weights[0], &y[0], bias, least, most)
	}
}

func (c *channelConv) backwardData(w, dy, dx []float32, prologue planesFunc[float32]) {
	if c.phaseTaps == nil {
		c.planPhases()
	}
	c.w, c.y, c.dx, c.prologue = w, dy, dx, prologue
	parallelAbove(depthwiseWork, c.work, c.Batch*c.blocks(), c.dataBlock)
	c.w, c.y, c.dx, c.prologue = nil, nil, nil, nil
}

// planPhases repeats the taps of each phase for the planes of all filters. A tap's index is then
// that of its weight among all of the channel's weights.
func (c *channelConv) planPhases() {
	l := c.layout()
	for _, p := range l.gradient {
		taps := make([]poolTap, 0, c.m*len(p.taps))
		for f := range c.m {
			for _, t := range p.taps {
				taps = append(
					taps, poolTap{offset: t.offset + int32(f*l.borderedSize), index: t.index + int32(f*c.taps)},
				)
			}
		}
		c.phaseTaps = append(c.phaseTaps, taps)
	}
}

func (c *channelConv) dataShard(worker, shard int) {
	image := shard / c.blocks()
	first, n := c.blockOf(shard)
	dy := c.gradient(worker, image, first, n)
	for i := range n {
		c.unconvolve(worker, first+i, dy[i*c.m*c.out:], inputs(&c.windows, c.dx, image*c.Channels+first+i))
	}
}

// gradient returns the planes of dy for an image's input channels.
func (c *channelConv) gradient(worker, image, first, n int) []float32 {
	size := n * c.m * c.out
	if c.prologue == nil {
		return c.y[(image*c.Channels+first)*c.m*c.out:][:size]
	}
	s := c.scratch.of(worker)
	s.planes = grow(s.planes, size)
	c.prologue(worker, image, first*c.m, n*c.m, s.planes)
	return s.planes
}

// unconvolve computes a channel's dx from its planes of dy.
func (c *channelConv) unconvolve(worker, channel int, dy, dx []float32) {
	l, s, cols := c.layout(), c.scratch.of(worker), len(c.columns)
	s.dy = grow(s.dy, c.m*l.borderedSize)
	clear(s.dy)
	for f := range c.m {
		plane := s.dy[f*l.borderedSize+l.top*l.borderPitch+l.left:]
		c.v.pool.copyRows(len(c.rows), cols, &dy[f*c.out:][:c.out][0], cols, &plane[0], l.borderPitch)
	}
	weights := c.w[channel*c.m*c.taps:][:c.m*c.taps]
	least, most := Limits[float32]{}.bounds()
	c.v.pool.gather(&c.windows, c.windows.workspaces.of(worker), dx, func(
		p *gradientPhase, from int, to []float32, pitch int,
	) {
		taps := c.phaseTaps[p.number]
		s.weights = grow(s.weights, len(taps))
		for i, t := range taps {
			s.weights[i] = weights[t.index]
		}
		c.v.weighRows(
			p.rows, p.columns, l.borderPitch, pitch, s.dy[from:], taps, s.weights, to, 0, least, most,
		)
	})
}

func (c *channelConv) backwardWeights(
	p *Part, x, dy, dw []float32, prologue planesFunc[float32], sums []float64,
) {
	c.part, c.x, c.y, c.dw, c.prologue, c.sums = p, x, dy, dw, prologue, sums
	from, to := p.Leaves(c.Batch)
	if c.trees == nil || p != nil {
		c.trees = subtrees(from, to, maxLeaves)
	}
	c.parts = grow(c.parts, (len(c.trees)-1)*c.Channels*c.m*c.taps)
	parallelAbove(depthwiseWork, c.work, c.blocks(), c.weightsBlock)
	if p != nil {
		c.whole.complete(p, c.treeSums, dw[:c.Channels*c.m*c.taps])
	}
	c.x, c.y, c.dw, c.prologue, c.sums = nil, nil, nil, nil, nil
}

// treeSums returns dw of a subtree.
func (c *channelConv) treeSums(tree int) []float32 {
	size := c.Channels * c.m * c.taps
	if tree == 0 {
		return c.dw[:size]
	}
	return c.parts[(tree-1)*size:][:size]
}

func (c *channelConv) weightsShard(worker, shard int) {
	first, n := c.blockOf(shard)
	s, size := c.scratch.of(worker), n*c.m*c.taps
	for i, t := range c.trees {
		s.levels = grow(s.levels, t.levels()*size)
		c.sumTree(worker, t, first, n, s.levels)
		copy(c.treeSums(i)[first*c.m*c.taps:], s.levels[:size])
	}
}

// sumTree computes dw of n channels, from first on, over the images of a subtree.
func (c *channelConv) sumTree(worker int, t subtree, first, n int, levels []float32) {
	size := n * c.m * c.taps
	for i := range t.to - t.from {
		level := leafLevel(i)
		c.sumLeaf(worker, t.from+i, first, n, levels[level*size:][:size])
		for range joinsAfter(i) {
			level--
			to := levels[level*size:][:size]
			kernels[float32]().add(operands[float32]{a: to, b: levels[(level+1)*size:][:size], c: to})
		}
	}
}

// sumLeaf computes dw of n channels, from first on, over the images of one leaf.
func (c *channelConv) sumLeaf(worker, leaf, first, n int, dw []float32) {
	s, size := c.scratch.of(worker), c.m*c.taps*c.v.pool.lanes
	s.lanes = grow(s.lanes, n*size)
	clear(s.lanes)
	from, to := c.part.Leaf(c.Batch, leaf)
	for image := from; image < to; image++ {
		dy := c.gradient(worker, image, first, n)
		if c.prologue != nil && c.sums != nil {
			sums := c.sums[(image*c.Channels+first)*c.m:][:n*c.m]
			kernels[float32]().rowSums(operands[float32]{a: dy, sums: sums, unit: c.out})
		}
		for i := range n {
			laid := c.lay(worker, &c.windows, inputs(&c.windows, c.x, image*c.Channels+first+i))
			c.addDots(laid, dy[i*c.m*c.out:], s.lanes[i*size:][:size])
		}
	}
	c.laneSums(s.lanes, dw)
}

// addDots adds the products of one channel with its planes of dy.
func (c *channelConv) addDots(laid, dy, lanes []float32) {
	l := c.layout()
	parts := ceilDiv(c.taps, len(c.v.dots)-1)
	for f := range c.m {
		plane := dy[f*c.out:][:c.out]
		for part := range parts {
			tap, end := part*c.taps/parts, (part+1)*c.taps/parts
			c.v.dots[end-tap](len(c.rows), len(c.columns), c.StrideH*l.rowSize, &laid[0], &l.taps[tap].offset,
				&plane[0],
				&lanes[(f*c.taps+tap)*c.v.pool.lanes:][:(end-tap)*c.v.pool.lanes][0])
		}
	}
}
