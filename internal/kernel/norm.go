package kernel

import "math"

// NormShape is a normalization of x (Batch, Channels, Plane) with a weight and a bias for each
// channel. The values are divided into sets, and each set is normalized by its own mean and
// variance. With Groups = 0 a set is one channel of the whole batch (batch normalization);
// otherwise it is one of the Groups groups of channels of one image (group normalization).
type NormShape struct {
	Batch, Channels, Plane, Groups int
	Eps                            float64 // added to the variance
}

// Norm normalizes sets of planes. A plane is one channel of one image.
//
// Every sum starts with a leaf for each plane, which depends on that plane alone. The leaves of a
// set are then added in float64, in the order of the images. So the bits don't depend on the number
// of workers, and a batch that is split over machines by image needs to exchange only the leaves.
//
// The variance takes one pass over memory but is as accurate as two: a leaf holds the plane's sum
// and the sum of its squared distances from the plane's own mean. Leaves are joined by the rule of
// Chan, Golub and LeVeque 1979, here for all leaves of a set at once:
//
//	Σ(x - m)² = Σ over planes (Σ(x - mp)² + P·(mp - m)²),    mp the plane's mean, P its size
//
// which subtracts no large numbers: a mean of 10000 with a std of 1 costs no digits, as it would in
// E[x²] - m².
type Norm[T Float] struct {
	NormShape
	mean, variance, inverse []float64 // of each set; inverse is 1/√(variance + Eps)
	sums, squares           []float64 // leaves of x: Σx and Σ(x - mp)²
	dsums, products         []float64 // leaves of dy: Σdy and Σdy·(x - m)
	first, second           []float64 // of each set: Σ w·dy and Σ w·dy·(x - m)
	slope, level            []float64 // of each set: b and c of BackwardData, for the mean rounded to T

	part                      *Part
	setDsums, setProducts     []float64 // leaves of dy of all images that have a part in a set of the part
	weighted                  []float64 // products times inverse
	wholeSums, wholeSquares   Whole[float64]
	wholeDsums, wholeProducts Whole[float64]

	x, y, dy, dx, weight, bias []T // of the running call
	other                      []T // what is added before the limits, or nil
	limits                     Limits[T]
	workers                    perWorker[normScratch[T]]

	leafShard, applyShard, dleafShard, dataShard, frozenShard func(worker, shard int)
}

type normScratch[T Float] struct {
	lanes     [sumLanes]float64
	constants [9]T
}

// NewNorm returns a normalization of the shape. Groups must divide Channels unless it is 0.
func NewNorm[T Float](s NormShape) *Norm[T] {
	n := &Norm[T]{NormShape: s}
	planes := s.Batch * s.Channels
	for _, leaves := range []*[]float64{&n.sums, &n.squares, &n.dsums, &n.products} {
		*leaves = make([]float64, planes)
	}
	for _, numbers := range []*[]float64{&n.mean, &n.variance, &n.inverse, &n.first, &n.second, &n.slope, &n.level} {
		*numbers = make([]float64, s.sets())
	}
	n.leafShard, n.applyShard = n.leaves, n.apply
	n.dleafShard, n.dataShard, n.frozenShard = n.dleaves, n.data, n.frozen
	return n
}

func (s NormShape) sets() int {
	if s.Groups == 0 {
		return s.Channels
	}
	return s.Batch * s.Groups
}

// Split makes the normalization compute a part of a batch. Sets that are channels of the whole
// batch need all of the batch in one turn, unless their mean and variance are given.
func (n *Norm[T]) Split(p *Part) { n.part = p }

// setOf returns the index of a plane's set.
func (s NormShape) setOf(plane int) int {
	if s.Groups == 0 {
		return plane % s.Channels
	}
	return plane / (s.Channels / s.Groups)
}

// setSize returns the number of values in a set.
func (n *Norm[T]) setSize() float64 {
	if n.Groups == 0 {
		return float64(n.part.Total(n.Batch) * n.Plane)
	}
	return float64(n.Channels / n.Groups * n.Plane)
}

// setOfChannel is setOf for a plane whose channel is known: a division costs as much as a small
// plane.
func (s NormShape) setOfChannel(plane, channel int) int {
	if s.Groups == 0 {
		return channel
	}
	return s.setOf(plane)
}

// nextChannel returns the channel of the plane after one of the given channel.
func (s NormShape) nextChannel(channel int) int {
	if channel+1 == s.Channels {
		return 0
	}
	return channel + 1
}

// eachPlane runs a shard function over all planes.
func (n *Norm[T]) eachPlane(f func(worker, shard int)) {
	Parallel(ceilDiv(n.Batch*n.Channels, planesPerShard(n.Plane)), f)
}

func (n *Norm[T]) planesOf(shard int) (from, to int) {
	return planesOfShard(shard, n.Batch*n.Channels, n.Plane)
}

// planesPerShard returns the number of planes of the given size in a shard.
func planesPerShard(plane int) int { return max(1, sweepShard/plane) }

func planesOfShard(shard, planes, plane int) (from, to int) {
	from = shard * planesPerShard(plane)
	return from, min(from+planesPerShard(plane), planes)
}

func (n *Norm[T]) plane(s []T, i int) []T { return s[i*n.Plane:][:n.Plane] }

// Forward is y = (x - m)/√(v + Eps)·weight + bias with the mean m and the biased variance v of each
// set. It keeps both for the backward pass. y may be x.
func (n *Norm[T]) Forward(x, weight, bias, y []T) { n.ForwardWithin(Limits[T]{}, x, weight, bias, y) }

// ForwardWithin is Forward with limits on y, in the same pass.
func (n *Norm[T]) ForwardWithin(limits Limits[T], x, weight, bias, y []T) {
	n.x = x
	n.eachPlane(n.leafShard)
	n.join()
	n.normalize(x, weight, bias, y, limits)
}

// ForwardAddedWithin is ForwardWithin of the sum with other: the limits are those of the sum. y may
// be x or other.
func (n *Norm[T]) ForwardAddedWithin(limits Limits[T], x, weight, bias, other, y []T) {
	n.other = other
	n.ForwardWithin(limits, x, weight, bias, y)
	n.other = nil
}

// ForwardFrozen is Forward with a given mean and variance of each set.
func (n *Norm[T]) ForwardFrozen(x, weight, bias, mean, variance, y []T) {
	n.ForwardFrozenWithin(Limits[T]{}, x, weight, bias, mean, variance, y)
}

// ForwardFrozenWithin is ForwardFrozen with limits on y, in the same pass.
func (n *Norm[T]) ForwardFrozenWithin(limits Limits[T], x, weight, bias, mean, variance, y []T) {
	n.freeze(mean, variance)
	n.normalize(x, weight, bias, y, limits)
}

func (n *Norm[T]) freeze(mean, variance []T) {
	for s := range n.mean {
		n.mean[s], n.variance[s] = float64(mean[s]), float64(variance[s])
		n.inverse[s] = 1 / math.Sqrt(n.variance[s]+n.Eps)
	}
}

func (n *Norm[T]) leaves(worker, shard int) {
	from, to := n.planesOf(shard)
	if n.Plane == 1 {
		for i := from; i < to; i++ {
			n.sums[i], n.squares[i] = float64(n.x[i]), 0
		}
		return
	}
	kernels[T]().rowSums(operands[T]{
		a: n.x[from*n.Plane : to*n.Plane], sums: n.sums[from:to], unit: n.Plane,
	})
	k, s := kernels[T](), n.workers.of(worker)
	for i := from; i < to; i++ {
		n.squares[i] = k.squaresAbout(n.plane(n.x, i), n.sums[i]/float64(n.Plane), &s.lanes)
	}
}

// squaresAbout is Σ(x - mean)² in the lanes of sumOf.
func squaresAbout[T Float](x []T, mean float64, lanes *[sumLanes]float64) float64 {
	clear(lanes[:])
	for ; len(x) >= sumLanes; x = x[sumLanes:] {
		for i, v := range x[:sumLanes] {
			lanes[i] += square(float64(v) - mean)
		}
	}
	return squaresInLanes(x, mean, lanes)
}

// squaresInLanes adds the terms of squaresAbout of fewer elements than lanes, and then the lanes.
func squaresInLanes[T Float](x []T, mean float64, lanes *[sumLanes]float64) float64 {
	for i, v := range x {
		lanes[i] += square(float64(v) - mean)
	}
	return fold(lanes)
}

// join computes each set's mean and variance from the leaves.
func (n *Norm[T]) join() {
	size, plane := n.setSize(), float64(n.Plane)
	allSums, allSquares := n.sums, n.squares
	if n.Groups == 0 {
		allSums, allSquares = n.wholeSums.Of(n.part, n.sums), n.wholeSquares.Of(n.part, n.squares)
	}
	clear(n.mean)
	for i, sum := range allSums {
		n.mean[n.setOf(i)] += sum
	}
	divide(n.mean, size)
	clear(n.variance)
	for i, squares := range allSquares {
		s := n.setOf(i)
		distance := allSums[i]/plane - n.mean[s]
		n.variance[s] += squares + float64(plane*float64(distance*distance))
	}
	divide(n.variance, size)
	for s, v := range n.variance {
		n.inverse[s] = 1 / math.Sqrt(v+n.Eps)
	}
}

func divide(xs []float64, by float64) {
	for i := range xs {
		xs[i] /= by
	}
}

func (n *Norm[T]) normalize(x, weight, bias, y []T, limits Limits[T]) {
	n.x, n.weight, n.bias, n.y, n.limits = x, weight, bias, y, limits
	n.eachPlane(n.applyShard)
}

// apply subtracts the mean in two steps: first the mean rounded to T, which leaves a small
// difference with all its digits, then the rounding error, as a part of the bias.
func (n *Norm[T]) apply(worker, shard int) {
	from, to := n.planesOf(shard)
	apply := n.passes().normPlane
	switch {
	case n.other != nil:
		apply = n.passes().normPlaneAdded
	case n.limits != (Limits[T]{}):
		apply = n.passes().normPlaneWithin
	}
	k := &n.workers.of(worker).constants
	k[3], k[4] = n.limits.bounds()
	for i, c := from, from%n.Channels; i < to; i, c = i+1, n.nextChannel(c) {
		s := n.setOfChannel(i, c)
		scale := float64(n.weight[c]) * n.inverse[s]
		mean := T(n.mean[s])
		shift := T(float64(n.bias[c]) - float64((n.mean[s]-float64(mean))*scale))
		k[0], k[1], k[2] = mean, T(scale), shift
		o := operands[T]{a: n.plane(n.x, i), b: n.plane(n.y, i), k: k}
		if n.other != nil {
			o.c = n.plane(n.other, i)
		}
		apply(o)
	}
}

// passes returns the implementations for n's planes: the portable ones where a call costs more than
// it gains.
func (n *Norm[T]) passes() *table[T] {
	if n.Plane < sumLanes {
		return portable[T]()
	}
	return kernels[T]()
}

func normPlane[T Float](o operands[T]) {
	mean, factor, shift, y := o.k[0], o.k[1], o.k[2], o.b[:len(o.a)]
	for i, v := range o.a {
		y[i] = T((v-mean)*factor) + shift
	}
}

func normPlaneWithin[T Float](o operands[T]) {
	mean, factor, shift, least, most, y := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4], o.b[:len(o.a)]
	for i, v := range o.a {
		y[i] = min(max(T((v-mean)*factor)+shift, least), most)
	}
}

func normPlaneAdded[T Float](o operands[T]) {
	mean, factor, shift, least, most := o.k[0], o.k[1], o.k[2], o.k[3], o.k[4]
	y, other := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, v := range o.a {
		y[i] = min(max(T((v-mean)*factor)+shift+other[i], least), most)
	}
}

// Mean writes the mean of each set.
func (n *Norm[T]) Mean(mean []T) {
	for s, m := range n.mean {
		mean[s] = T(m)
	}
}

// UnbiasedVariance writes the variance of each set times M/(M-1), M the size of a set.
func (n *Norm[T]) UnbiasedVariance(variance []T) {
	size := n.setSize()
	for s, v := range n.variance {
		variance[s] = T(v * size / (size - 1))
	}
}
