package kernel

import "slices"

func sumPlanes[T Float](w *windows, _ int, x []T, scale, bias T, y []T) {
	for i := range len(y) / w.out {
		sumPlane(w, inputs(w, x, i), scale, bias, outputs(w, y, i))
	}
}

// sumPlane sets y to scale times the sum of each window plus bias. It adds from 0 in reading order.
func sumPlane[T Float](w *windows, x []T, scale, bias T, y []T) {
	i := 0
	for _, r := range w.rows {
		for _, c := range w.columns {
			y[i] = T(scale*windowSum(w, x, r, c)) + bias // T: not fused, so the same bits everywhere
			i++
		}
	}
}

func windowSum[T Float](w *windows, x []T, rows, columns reach) T {
	var sum T
	for r := rows.from; r < rows.to; r += w.DilationH {
		for i := r*w.InWidth + columns.from; i < r*w.InWidth+columns.to; i += w.DilationW {
			sum += x[i]
		}
	}
	return sum
}

func spreadPlanes[T Float](w *windows, _ int, dy []T, scale T, dx []T) {
	for i := range len(dy) / w.out {
		spreadPlane(w, outputs(w, dy, i), scale, inputs(w, dx, i))
	}
}

// spreadPlane is the gradient of sumPlane: each dx is the sum, from 0 and in their order, of
// scale·dy over the windows that contain it.
func spreadPlane[T Float](w *windows, dy []T, scale T, dx []T) {
	clear(dx)
	if w.disjoint() {
		spreadDisjoint(w, dy, scale, dx)
		return
	}
	i := 0
	for _, r := range w.rows {
		for _, c := range w.columns {
			d := scale * dy[i]
			for row := r.from; row < r.to; row += w.DilationH {
				seen := dx[row*w.InWidth+c.from : row*w.InWidth+c.to]
				for k := 0; k < len(seen); k += w.DilationW {
					seen[k] += d
				}
			}
			i++
		}
	}
}

// spreadDisjoint is spreadPlane for disjoint windows. dx must be zeros. All rows of a window are
// the same.
func spreadDisjoint[T Float](w *windows, dy []T, scale T, dx []T) {
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

// AvgPool takes the mean of each window: its sum divided by the number of its taps, with the taps
// in the padding, whose elements are zeros, counted or not. Taps beyond the padding, which Ceil
// allows, never count.
type AvgPool[T Float] struct {
	windows
	scale             T   // one over the divisor, if it is the same for all windows
	scales            []T // one for each window, if not
	workspaces        perWorker[windowSums[T]]
	src, dst          []T
	forward, backward func(worker, shard int)
}

// NewAvgPool returns an average pooling of the shape.
func NewAvgPool[T Float](s PoolShape) *AvgPool[T] {
	p := &AvgPool[T]{windows: newWindows(s)}
	rows, columns := p.rowAxis().counts(s.ExcludePad), p.columnAxis().counts(s.ExcludePad)
	if allEqual(rows) && allEqual(columns) {
		p.scale = 1 / T(rows[0]*columns[0])
	} else {
		for _, r := range rows {
			for _, c := range columns {
				p.scales = append(p.scales, 1/T(r*c))
			}
		}
	}
	p.forward, p.backward = p.forwardShard, p.backwardShard
	return p
}

func allEqual(s []int) bool { return slices.Min(s) == slices.Max(s) }

// Forward sets y to the mean of each window.
func (p *AvgPool[T]) Forward(x, y []T) {
	p.src, p.dst = x, y
	Parallel(p.shards(), p.forward)
}

func (p *AvgPool[T]) forwardShard(worker, shard int) {
	from, to := p.planesOf(shard)
	x, y := p.src[from*p.in:to*p.in], p.dst[from*p.out:to*p.out]
	if p.scales == nil {
		kernels[T]().sumPlanes(&p.windows, worker, x, p.scale, 0, y)
		return
	}
	kernels[T]().sumPlanes(&p.windows, worker, x, 1, 0, y)
	p.rescale(y, y)
}

// rescale sets dst to planes of src, each element times its window's scale.
func (p *AvgPool[T]) rescale(src, dst []T) {
	for i := 0; i < len(src); i += p.out {
		for j, scale := range p.scales {
			dst[i+j] = scale * src[i+j]
		}
	}
}

// Backward: an element of a window of divisor n has weight 1/n in its mean, so dx[h] = Σ dy/n over
// the windows that contain h.
func (p *AvgPool[T]) Backward(dy, dx []T) {
	p.src, p.dst = dy, dx
	Parallel(p.shards(), p.backward)
}

func (p *AvgPool[T]) backwardShard(worker, shard int) {
	from, to := p.planesOf(shard)
	dy, dx := p.src[from*p.out:to*p.out], p.dst[from*p.in:to*p.in]
	if p.scales == nil {
		kernels[T]().spreadPlanes(&p.windows, worker, dy, p.scale, dx)
		return
	}
	ws := p.workspaces.of(worker)
	ws.sums = grow(ws.sums, len(dy))
	p.rescale(dy, ws.sums)
	kernels[T]().spreadPlanes(&p.windows, worker, ws.sums, 1, dx)
}

// Subsample is the trainable pooling of LeCun et al. 1998 (layers S2 and S4), before their
// squashing function.
type Subsample[T Float] struct {
	windows
	src, coef, bias, dst                []T
	planeSums                           []float64
	part                                *Part
	coefficients, biases                Whole[float64]
	workspaces                          perWorker[windowSums[T]]
	forward, backward, backwardOfFactor func(worker, shard int)
}

// windowSums is workspace with an element for each window of some planes.
type windowSums[T Float] struct{ sums []T }

// NewSubsample returns a subsampling of the shape.
func NewSubsample[T Float](s PoolShape) *Subsample[T] {
	p := &Subsample[T]{windows: newWindows(s)}
	p.planeSums = make([]float64, p.planes())
	p.forward, p.backward, p.backwardOfFactor = p.forwardShard, p.backwardShard, p.coefficientShard
	return p
}

// Split makes the subsampling compute a part of a batch.
func (p *Subsample[T]) Split(part *Part) { p.part = part }

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
		k.sumPlanes(
			&p.windows, worker, inputs(&p.windows, p.src, plane), p.coef[c], p.bias[c],
			outputs(&p.windows, p.dst, plane),
		)
	}
}

// BackwardData: dx[h] = coef[c] · Σ dy over the windows that contain h.
func (p *Subsample[T]) BackwardData(coef, dy, dx []T) {
	p.src, p.coef, p.dst = dy, coef, dx
	Parallel(p.shards(), p.backward)
}

func (p *Subsample[T]) backwardShard(worker, shard int) {
	k := kernels[T]()
	from, to := p.planesOf(shard)
	for plane := from; plane < to; plane++ {
		k.spreadPlanes(
			&p.windows, worker, outputs(&p.windows, p.src, plane), p.coef[plane%p.Channels],
			inputs(&p.windows, p.dst, plane),
		)
	}
}

// BackwardCoefficient: ∂y/∂coef[c] is the window's sum, so dcoef[c] = Σ over batch and windows of
// dy·(Σ window).
func (p *Subsample[T]) BackwardCoefficient(x, dy, dcoef []T) {
	p.src, p.dst = x, dy
	Parallel(p.shards(), p.backwardOfFactor)
	sumImages(p.part, &p.coefficients, p.Channels, p.planeSums, dcoef)
}

func (p *Subsample[T]) coefficientShard(worker, shard int) {
	from, to := p.planesOf(shard)
	ws := p.workspaces.of(worker)
	ws.sums = grow(ws.sums, (to-from)*p.out)
	kernels[T]().sumPlanes(&p.windows, worker, p.src[from*p.in:to*p.in], 1, 0, ws.sums)
	dotPlanes(p.out, p.dst[from*p.out:to*p.out], ws.sums, p.planeSums[from:to])
}

// dotPlanes sets a sum for each plane to Σ a·b over its elements, in their order. It takes four
// planes at once, because each addition waits for the one before it in its plane.
func dotPlanes[T Float](size int, a, b []T, sums []float64) {
	for ; len(sums) >= 4; a, b, sums = a[4*size:], b[4*size:], sums[4:] {
		a0, a1, a2, a3 := a[:size], a[size:][:size], a[2*size:][:size], a[3*size:][:size]
		b0, b1, b2, b3 := b[:size], b[size:][:size], b[2*size:][:size], b[3*size:][:size]
		var s0, s1, s2, s3 float64
		for i := range a0 {
			s0 += float64(a0[i]) * float64(b0[i])
			s1 += float64(a1[i]) * float64(b1[i])
			s2 += float64(a2[i]) * float64(b2[i])
			s3 += float64(a3[i]) * float64(b3[i])
		}
		sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
	}
	for k := range sums {
		total := 0.0
		for i, v := range a[k*size:][:size] {
			total += float64(v) * float64(b[k*size+i])
		}
		sums[k] = total
	}
}

// BackwardBias: ∂y/∂bias[c] = 1, so dbias[c] = Σ over batch and windows of dy.
func (p *Subsample[T]) BackwardBias(dy, dbias []T) {
	channelSum(p.part, &p.biases, p.Batch, p.Channels, p.out, dy, dbias)
}
