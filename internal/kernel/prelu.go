package kernel

// PReLU is y = x above 0, slope[c]·x elsewhere, for x (batch, channels, plane) with a slope for
// each channel (He et al. 2015).
type PReLU[T Float] struct {
	channels, plane, rows      int
	length, perPlane           int // of a row, which is a plane or a part of one; rows in a plane
	x, dy, to                  []T
	slopes                     [][9]T    // constants of each channel
	sums                       []float64 // one for each row
	part                       *Part
	whole                      Whole[float64]
	forward, backward, sumRows func(worker, shard int)
}

// NewPReLU returns a PReLU of the shape. It allocates when it first runs.
func NewPReLU[T Float](batch, channels, plane int) *PReLU[T] {
	p := &PReLU[T]{channels: channels, plane: plane, length: plane, perPlane: 1}
	if channels == 1 {
		p.length, p.perPlane = min(plane, sumBlock), ceilDiv(plane, sumBlock)
	}
	p.rows = batch * channels * p.perPlane
	p.forward, p.backward, p.sumRows = p.forwardShard, p.backwardShard, p.sumShard
	return p
}

// Split makes the PReLU compute a part of a batch.
func (p *PReLU[T]) Split(part *Part) { p.part = part }

// Forward computes y. y may be x.
func (p *PReLU[T]) Forward(x, slope, y []T) {
	p.x, p.to = x, y
	p.keep(slope)
	Parallel(p.shards(), p.forward)
}

// BackwardData: dx = dy above 0, slope[c]·dy elsewhere. dx may be dy.
func (p *PReLU[T]) BackwardData(x, slope, dy, dx []T) {
	p.x, p.dy, p.to = x, dy, dx
	p.keep(slope)
	Parallel(p.shards(), p.backward)
}

// BackwardSlope: dslope[c] = Σ dy·x over the channel's x that are at most 0. Each row is summed,
// then the rows in their order.
func (p *PReLU[T]) BackwardSlope(x, dy, dslope []T) {
	p.x, p.dy = x, dy
	if p.sums == nil {
		p.sums = make([]float64, p.rows)
	}
	Parallel(p.shards(), p.sumRows)
	sumImages(p.part, &p.whole, p.channels, p.sums, dslope)
}

func (p *PReLU[T]) keep(slope []T) {
	if p.slopes == nil {
		p.slopes = make([][9]T, p.channels)
	}
	for c := range p.slopes {
		p.slopes[c][0] = slope[c]
	}
}

func (p *PReLU[T]) rowsOfShard() int { return max(1, sweepShard/max(1, p.length)) }

func (p *PReLU[T]) shards() int { return (p.rows + p.rowsOfShard() - 1) / p.rowsOfShard() }

// each calls f for each row of a shard.
func (p *PReLU[T]) each(shard int, f func(p *PReLU[T], row, from, to int)) {
	first := shard * p.rowsOfShard()
	for row := first; row < min(first+p.rowsOfShard(), p.rows); row++ {
		plane, from := row/p.perPlane*p.plane, row%p.perPlane*p.length
		f(p, row, plane+from, plane+min(from+p.length, p.plane))
	}
}

func (p *PReLU[T]) forwardShard(_, shard int) {
	p.each(shard, func(p *PReLU[T], row, from, to int) {
		o := operands[T]{a: p.x[from:to], b: p.to[from:to], k: &p.slopes[row%p.channels]}
		kernels[T]().curves.leakyReLU.forward(o)
	})
}

func (p *PReLU[T]) backwardShard(_, shard int) {
	p.each(shard, func(p *PReLU[T], row, from, to int) {
		o := operands[T]{a: p.x[from:to], b: p.dy[from:to], c: p.to[from:to], k: &p.slopes[row%p.channels]}
		kernels[T]().curves.leakyReLU.backward(o)
	})
}

func (p *PReLU[T]) sumShard(_, shard int) {
	p.each(shard, func(p *PReLU[T], row, from, to int) { p.sums[row] = sumBelow0(p.x[from:to], p.dy[from:to]) })
}

// sumBelow0 is Σ dy·x over the x that are at most 0, and NaN if an x is NaN.
func sumBelow0[T Float](x, dy []T) float64 {
	dy = dy[:len(x)]
	var lanes [sumLanes]float64
	for i, v := range x {
		if !(v > 0) {
			// The outer conversion rounds the product before it is added, so that no platform fuses
			// the two.
			lanes[i%sumLanes] += float64(float64(v) * float64(dy[i]))
		}
	}
	return fold(&lanes)
}
