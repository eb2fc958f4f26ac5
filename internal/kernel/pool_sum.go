package kernel

// sumPlane sets y to the sum of each window times scale plus bias.
func sumPlane[T Float](w *windows, x []T, scale, bias T, y []T) {
	i := 0
	for _, r := range w.rows {
		for _, c := range w.columns {
			y[i] = T(scale*windowSum(x, w.InWidth, r, c)) + bias // T: not fused, so the same bits everywhere
			i++
		}
	}
}

func windowSum[T Float](x []T, width int, rows, columns reach) T {
	var sum T
	for r := rows.from; r < rows.to; r++ {
		for _, v := range x[r*width+columns.from : r*width+columns.to] {
			sum += v
		}
	}
	return sum
}

// spreadPlane is sumPlane's gradient: each dx is scale times the sum of dy over the windows that see it.
func spreadPlane[T Float](w *windows, dy []T, scale T, dx []T) {
	clear(dx)
	i := 0
	for _, r := range w.rows {
		for _, c := range w.columns {
			d := scale * dy[i]
			for row := r.from; row < r.to; row++ {
				seen := dx[row*w.InWidth+c.from : row*w.InWidth+c.to]
				for k := range seen {
					seen[k] += d
				}
			}
			i++
		}
	}
}

// AvgPool takes the mean of each window, padding counted as zeros.
type AvgPool[T Float] struct {
	windows
	scale             T
	src, dst          []T
	forward, backward func(worker, shard int)
}

// NewAvgPool returns an average pooling of the shape.
func NewAvgPool[T Float](s PoolShape) *AvgPool[T] {
	p := &AvgPool[T]{windows: newWindows(s), scale: 1 / T(s.KernelH*s.KernelW)}
	p.forward, p.backward = p.forwardShard, p.backwardShard
	return p
}

// Forward sets y to the sum of each window divided by KernelH·KernelW.
func (p *AvgPool[T]) Forward(x, y []T) {
	p.src, p.dst = x, y
	Parallel(p.shards(), p.forward)
}

func (p *AvgPool[T]) forwardShard(_, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		k.sumPlane(&p.windows, p.src[plane*p.in:(plane+1)*p.in], p.scale, 0, p.dst[plane*p.out:(plane+1)*p.out])
	}
}

// Backward: every element of a window has the weight 1/(KernelH·KernelW) in its mean, so dx[h] = Σ dy over the windows that see h,
// divided by KernelH·KernelW.
func (p *AvgPool[T]) Backward(dy, dx []T) {
	p.src, p.dst = dy, dx
	Parallel(p.shards(), p.backward)
}

func (p *AvgPool[T]) backwardShard(_, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		k.spreadPlane(&p.windows, p.src[plane*p.out:(plane+1)*p.out], p.scale, p.dst[plane*p.in:(plane+1)*p.in])
	}
}

// Subsample is the trainable pooling of LeCun et al. 1998 (layers S2 and S4), before their squashing function.
type Subsample[T Float] struct {
	windows
	src, coef, bias, dst                []T
	planeSums                           []float64
	forward, backward, backwardOfFactor func(worker, shard int)
}

// NewSubsample returns a subsampling of the shape.
func NewSubsample[T Float](s PoolShape) *Subsample[T] {
	p := &Subsample[T]{windows: newWindows(s)}
	p.planeSums = make([]float64, p.planes())
	p.forward, p.backward, p.backwardOfFactor = p.forwardShard, p.backwardShard, p.coefficientShard
	return p
}

// Forward is y = coef[c]·Σ window + bias[c], c the channel.
func (p *Subsample[T]) Forward(x, coef, bias, y []T) {
	p.src, p.coef, p.bias, p.dst = x, coef, bias, y
	Parallel(p.shards(), p.forward)
}

func (p *Subsample[T]) forwardShard(_, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		c := plane % p.Channels
		k.sumPlane(&p.windows, p.src[plane*p.in:(plane+1)*p.in], p.coef[c], p.bias[c], p.dst[plane*p.out:(plane+1)*p.out])
	}
}

// BackwardData: dx[h] = coef[c] · Σ dy over the windows that see h.
func (p *Subsample[T]) BackwardData(coef, dy, dx []T) {
	p.src, p.coef, p.dst = dy, coef, dx
	Parallel(p.shards(), p.backward)
}

func (p *Subsample[T]) backwardShard(_, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		k.spreadPlane(&p.windows, p.src[plane*p.out:(plane+1)*p.out], p.coef[plane%p.Channels], p.dst[plane*p.in:(plane+1)*p.in])
	}
}

// BackwardCoefficient: ∂y/∂coef[c] is the window's sum, so dcoef[c] = Σ over batch and windows of dy·(Σ window).
func (p *Subsample[T]) BackwardCoefficient(x, dy, dcoef []T) {
	p.src, p.dst = x, dy
	Parallel(p.shards(), p.backwardOfFactor)
	addRows(p.Batch, p.Channels, p.planeSums, dcoef)
}

func (p *Subsample[T]) coefficientShard(_, shard int) {
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		x, dy := p.src[plane*p.in:(plane+1)*p.in], p.dst[plane*p.out:(plane+1)*p.out]
		total, i := 0.0, 0
		for _, r := range p.rows {
			for _, c := range p.columns {
				total += float64(dy[i]) * float64(windowSum(x, p.InWidth, r, c))
				i++
			}
		}
		p.planeSums[plane] = total
	}
}

// BackwardBias: ∂y/∂bias[c] = 1, so dbias[c] = Σ over batch and windows of dy.
func (p *Subsample[T]) BackwardBias(dy, dbias []T) { ChannelSum(p.Batch, p.Channels, p.out, dy, dbias) }
