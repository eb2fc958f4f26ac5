package kernel

import "math"

// BackwardWeights is dweight[c] = Σ dy·(x - m)/√(v + Eps) over the batch and the plane of channel
// c, with the mean and variance of the last Forward. It keeps the sums that BackwardBias and
// BackwardData read.
func (n *Norm[T]) BackwardWeights(x, dy, dweight []T) {
	n.x, n.dy = x, dy
	n.eachPlane(n.dleafShard)
	n.setDsums, n.setProducts = n.dsums, n.products
	if n.Groups == 0 {
		n.setDsums, n.setProducts = n.wholeDsums.Of(n.part, n.dsums), n.wholeProducts.Of(n.part, n.products)
	}
	n.weighted = grow(n.weighted, len(n.setProducts))
	for i, p := range n.setProducts {
		n.weighted[i] = p * n.inverse[n.setOf(i)]
	}
	n.sumChannels(&n.wholeProducts, n.weighted, dweight)
}

// sumChannels sums a table with a row for each image: the whole batch's in batch normalization,
// else the part's own.
func (n *Norm[T]) sumChannels(whole *Whole[float64], table []float64, sum []T) {
	if n.Groups == 0 {
		AddRows(len(table)/n.Channels, n.Channels, table, sum)
		return
	}
	sumImages(n.part, whole, n.Channels, table, sum)
}

// BackwardWeightsFrozen is BackwardWeights after ForwardFrozen with the same mean and variance.
func (n *Norm[T]) BackwardWeightsFrozen(x, mean, variance, dy, dweight []T) {
	n.freeze(mean, variance)
	n.BackwardWeights(x, dy, dweight)
}

// BackwardBias is dbias[c] = Σ dy over the batch and the plane of channel c, with the dy of the
// last BackwardWeights.
func (n *Norm[T]) BackwardBias(dbias []T) { n.sumChannels(&n.wholeDsums, n.setDsums, dbias) }

func (n *Norm[T]) dleaves(worker, shard int) {
	from, to := n.planesOf(shard)
	k, s := n.passes(), n.workers.of(worker)
	k.rowSums(operands[T]{a: n.dy[from*n.Plane : to*n.Plane], sums: n.dsums[from:to], unit: n.Plane})
	for i, c := from, from%n.Channels; i < to; i, c = i+1, n.nextChannel(c) {
		n.products[i] = k.productsAbout(n.plane(n.dy, i), n.plane(n.x, i), n.mean[n.setOfChannel(i, c)], &s.lanes)
	}
}

// productsAbout is Σdy·(x - mean) in the lanes of sumOf.
func productsAbout[T Float](dy, x []T, mean float64, lanes *[sumLanes]float64) float64 {
	clear(lanes[:])
	for ; len(x) >= sumLanes; dy, x = dy[sumLanes:], x[sumLanes:] {
		for i, v := range x[:sumLanes] {
			lanes[i] += float64(float64(dy[i]) * (float64(v) - mean))
		}
	}
	return productsInLanes(dy, x, mean, lanes)
}

// productsInLanes adds the terms of productsAbout of fewer elements than lanes, and then the lanes.
func productsInLanes[T Float](dy, x []T, mean float64, lanes *[sumLanes]float64) float64 {
	for i, v := range x {
		lanes[i] += float64(float64(dy[i]) * (float64(v) - mean))
	}
	return fold(lanes)
}

// BackwardData is dx for the x and dy of the last BackwardWeights. m and v depend on x too. With r
// = 1/√(v + Eps), h = (x - m)·r, M the size of a set and all sums over the set,
//
//	dx = r·(w·dy - Σ(w·dy)/M - h·Σ(w·dy·h)/M)
//
// (Ioffe and Szegedy 2015, section 3). For a plane that is a·dy + (b·(x - m) + c) with a = r·w, b =
// -r³·Σ(w·dy·(x - m))/M, c = -r·Σ(w·dy)/M. dx may be dy.
func (n *Norm[T]) BackwardData(x, weight, dy, dx []T) {
	clear(n.first)
	clear(n.second)
	for i, sum := range n.setDsums {
		s, w := n.setOf(i), float64(weight[i%n.Channels])
		n.first[s] += float64(w * sum)
		n.second[s] += float64(w * n.setProducts[i])
	}
	size := n.setSize()
	for s, r := range n.inverse {
		n.slope[s] = -r * r * r * n.second[s] / size
		n.level[s] = float64(n.slope[s]*(float64(T(n.mean[s]))-n.mean[s])) - r*n.first[s]/size
	}
	n.x, n.weight, n.dy, n.dx = x, weight, dy, dx
	n.eachPlane(n.dataShard)
}

func (n *Norm[T]) data(worker, shard int) {
	from, to := n.planesOf(shard)
	apply, k := n.passes().normPlaneBackward, &n.workers.of(worker).constants
	for i, c := from, from%n.Channels; i < to; i, c = i+1, n.nextChannel(c) {
		s := n.setOfChannel(i, c)
		k[0], k[1] = T(n.inverse[s]*float64(n.weight[c])), T(n.slope[s])
		k[2], k[3] = T(n.mean[s]), T(n.level[s])
		apply(operands[T]{a: n.plane(n.dy, i), b: n.plane(n.x, i), c: n.plane(n.dx, i), k: k})
	}
}

func normPlaneBackward[T Float](o operands[T]) {
	a, b, mean, level := o.k[0], o.k[1], o.k[2], o.k[3]
	x, dx := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, dy := range o.a {
		dx[i] = T(a*dy) + (T(b*(x[i]-mean)) + level)
	}
}

// BackwardDataFrozen is dx = dy·weight/√(variance + Eps), because a given mean and variance don't
// depend on x. dx may be dy.
func (n *Norm[T]) BackwardDataFrozen(weight, variance, dy, dx []T) {
	for s, v := range variance {
		n.inverse[s] = 1 / math.Sqrt(float64(v)+n.Eps)
	}
	n.weight, n.dy, n.dx = weight, dy, dx
	n.eachPlane(n.frozenShard)
}

func (n *Norm[T]) frozen(worker, shard int) {
	from, to := n.planesOf(shard)
	apply, factor := n.passes().scaleRows, n.workers.of(worker).constants[:1]
	for i, c := from, from%n.Channels; i < to; i, c = i+1, n.nextChannel(c) {
		factor[0] = T(float64(n.weight[c]) * n.inverse[n.setOfChannel(i, c)])
		apply(operands[T]{a: n.plane(n.dy, i), b: n.plane(n.dx, i), ofRow: factor, unit: n.Plane})
	}
}
