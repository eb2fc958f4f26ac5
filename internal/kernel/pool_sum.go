package kernel

func sumPlanes[T Float](w *windows, _ int, x []T, scale, bias T, y []T) {
	for i := range len(y) / w.out {
		sumPlane(w, inputs(w, x, i), scale, bias, outputs(w, y, i))
	}
}

// sumPlane sets y to the sum of each window, added up from 0 in reading order, times scale plus bias.
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

func spreadPlanes[T Float](w *windows, _ int, dy []T, scale T, dx []T) {
	for i := range len(dy) / w.out {
		spreadPlane(w, outputs(w, dy, i), scale, inputs(w, dx, i))
	}
}

// spreadPlane is sumPlane's gradient: each dx is the sum, from 0 and in their order, of scale·dy over the windows that see it.
func spreadPlane[T Float](w *windows, dy []T, scale T, dx []T) {
	clear(dx)
	if w.apart() {
		spreadApart(w, dy, scale, dx)
		return
	}
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

// spreadApart is spreadPlane where no windows overlap, into zeros: all rows of a window are the same.
func spreadApart[T Float](w *windows, dy []T, scale T, dx []T) {
	i := 0
	for _, r := range w.rows {
		first := dx[r.from*w.InWidth:][:w.InWidth]
		for _, c := range w.columns {
			d := scale * dy[i]
			seen := first[c.from:c.to]
			for k := range seen {
				seen[k] += d
			}
			i++
		}
		for row := r.from + 1; row < r.to; row++ {
			copy(dx[row*w.InWidth:], first)
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

func (p *AvgPool[T]) forwardShard(worker, shard int) {
	from, to := p.planesOf(shard)
	kernels[T]().sumPlanes(&p.windows, worker, p.src[from*p.in:to*p.in], p.scale, 0, p.dst[from*p.out:to*p.out])
}

// Backward: every element of a window has the weight 1/(KernelH·KernelW) in its mean, so dx[h] = Σ dy over the windows that see h,
// divided by KernelH·KernelW.
func (p *AvgPool[T]) Backward(dy, dx []T) {
	p.src, p.dst = dy, dx
	Parallel(p.shards(), p.backward)
}

func (p *AvgPool[T]) backwardShard(worker, shard int) {
	from, to := p.planesOf(shard)
	kernels[T]().spreadPlanes(&p.windows, worker, p.src[from*p.out:to*p.out], p.scale, p.dst[from*p.in:to*p.in])
}

// Subsample is the trainable pooling of LeCun et al. 1998 (layers S2 and S4), before their squashing function.
type Subsample[T Float] struct {
	windows
	src, coef, bias, dst                []T
	planeSums                           []float64
	rooms                               perWorker[windowSums[T]]
	forward, backward, backwardOfFactor func(worker, shard int)
}

// windowSums is scratch for the sums of one plane's windows.
type windowSums[T Float] struct{ sums []T }

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

func (p *Subsample[T]) forwardShard(worker, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		c := plane % p.Channels
		k.sumPlanes(&p.windows, worker, inputs(&p.windows, p.src, plane), p.coef[c], p.bias[c], outputs(&p.windows, p.dst, plane))
	}
}

// BackwardData: dx[h] = coef[c] · Σ dy over the windows that see h.
func (p *Subsample[T]) BackwardData(coef, dy, dx []T) {
	p.src, p.coef, p.dst = dy, coef, dx
	Parallel(p.shards(), p.backward)
}

func (p *Subsample[T]) backwardShard(worker, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		k.spreadPlanes(&p.windows, worker, outputs(&p.windows, p.src, plane), p.coef[plane%p.Channels], inputs(&p.windows, p.dst, plane))
	}
}

// BackwardCoefficient: ∂y/∂coef[c] is the window's sum, so dcoef[c] = Σ over batch and windows of dy·(Σ window).
func (p *Subsample[T]) BackwardCoefficient(x, dy, dcoef []T) {
	p.src, p.dst = x, dy
	Parallel(p.shards(), p.backwardOfFactor)
	addRows(p.Batch, p.Channels, p.planeSums, dcoef)
}

func (p *Subsample[T]) coefficientShard(worker, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	room := p.rooms.of(worker)
	room.sums = grow(room.sums, p.out)
	for plane := from; plane < to; plane++ {
		k.sumPlanes(&p.windows, worker, inputs(&p.windows, p.src, plane), 1, 0, room.sums)
		total := 0.0
		for i, d := range outputs(&p.windows, p.dst, plane) {
			total += float64(d) * float64(room.sums[i])
		}
		p.planeSums[plane] = total
	}
}

// BackwardBias: ∂y/∂bias[c] = 1, so dbias[c] = Σ over batch and windows of dy.
func (p *Subsample[T]) BackwardBias(dy, dbias []T) { ChannelSum(p.Batch, p.Channels, p.out, dy, dbias) }
