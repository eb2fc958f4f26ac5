package kernel

import "math"

// ChannelNormShape is a normalisation of x (Batch, Channels, Plane) over the channels at each place
// of the plane, with a weight and a bias for each channel.
type ChannelNormShape struct {
	Batch, Channels, Plane int
	Eps                    float64 // added to the variance
}

// normTileSize is how many places ChannelNorm works on at a time: their sums stay in the L1 cache,
// and their values, which it reads three times, in L2.
const normTileSize = 64

// ChannelNorm normalises each place of an image over its channels: layer normalisation, channels
// first. A place has a mean and a variance of its own, summed in float64 over the channels, in two
// passes, so that a large mean costs the variance no digits. The sums of a channel start with a leaf
// for each image and are then added in the order of the images.
type ChannelNorm[T Float] struct {
	ChannelNormShape
	mean, inverse   []float64 // of each place; inverse is 1/√(variance + Eps)
	dsums, products []float64 // of each image and channel: Σdy and Σdy·(x - m)·inverse

	x, y, dy, dx, weight, bias []T // of the running call

	forwardShard, leafShard, dataShard func(worker, shard int)
}

// NewChannelNorm returns a normalisation of the shape.
func NewChannelNorm[T Float](s ChannelNormShape) *ChannelNorm[T] {
	n := &ChannelNorm[T]{ChannelNormShape: s}
	n.mean, n.inverse = make([]float64, s.Batch*s.Plane), make([]float64, s.Batch*s.Plane)
	n.dsums, n.products = make([]float64, s.Batch*s.Channels), make([]float64, s.Batch*s.Channels)
	n.forwardShard, n.leafShard, n.dataShard = n.forward, n.leaves, n.data
	return n
}

// normTileAt is a run of places of one image.
type normTileAt struct {
	start  int // of the first channel, in x
	place  int // of the first place, in the batch
	places int
}

func (n *ChannelNorm[T]) tiles() int { return n.Batch * ceilDiv(n.Plane, normTileSize) }

func (n *ChannelNorm[T]) tile(i int) normTileAt {
	perImage := ceilDiv(n.Plane, normTileSize)
	image, from := i/perImage, i%perImage*normTileSize
	return normTileAt{image*n.Channels*n.Plane + from, image*n.Plane + from, min(normTileSize, n.Plane-from)}
}

func (n *ChannelNorm[T]) row(s []T, t normTileAt, channel int) []T {
	return s[t.start+channel*n.Plane:][:t.places]
}

// Forward is y = (x - m)/√(v + Eps)·weight + bias with the mean m and the biased variance v over the
// channels of each place. It keeps both for the backward pass. y may be x.
func (n *ChannelNorm[T]) Forward(x, weight, bias, y []T) {
	n.x, n.weight, n.bias, n.y = x, weight, bias, y
	Parallel(n.tiles(), n.forwardShard)
}

func (n *ChannelNorm[T]) forward(_, shard int) {
	t := n.tile(shard)
	n.statistics(t)
	var means, factors, shifts [normTileSize]T
	for i, m := range n.mean[t.place:][:t.places] {
		inverse := n.inverse[t.place+i]
		means[i], factors[i] = T(m), T(inverse)
		shifts[i] = T((float64(means[i]) - m) * inverse) // what means lacks of m
	}
	for c := range n.Channels {
		w, b, y := n.weight[c], n.bias[c], n.row(n.y, t, c)
		for i, v := range n.row(n.x, t, c) {
			y[i] = T(w*(T((v-means[i])*factors[i])+shifts[i])) + b
		}
	}
}

func (n *ChannelNorm[T]) statistics(t normTileAt) {
	mean, inverse := n.mean[t.place:][:t.places], n.inverse[t.place:][:t.places]
	clear(mean)
	for c := range n.Channels {
		for i, v := range n.row(n.x, t, c) {
			mean[i] += float64(v)
		}
	}
	divide(mean, float64(n.Channels))
	clear(inverse)
	for c := range n.Channels {
		for i, v := range n.row(n.x, t, c) {
			d := float64(v) - mean[i]
			inverse[i] += float64(d * d)
		}
	}
	for i, squares := range inverse {
		inverse[i] = 1 / math.Sqrt(squares/float64(n.Channels)+n.Eps)
	}
}

// BackwardWeights is dweight[c] = Σ dy·(x - m)/√(v + Eps) over the batch and the plane of channel c,
// with the mean and variance of the last Forward. BackwardBias uses the sums that it leaves.
func (n *ChannelNorm[T]) BackwardWeights(x, dy, dweight []T) {
	n.x, n.dy = x, dy
	Parallel(ceilDiv(n.Batch*n.Channels, planesPerShard(n.Plane)), n.leafShard)
	addRows(n.Batch, n.Channels, n.products, dweight)
}

// BackwardBias is dbias[c] = Σ dy over the batch and the plane of channel c, with the dy of the last
// BackwardWeights.
func (n *ChannelNorm[T]) BackwardBias(dbias []T) { addRows(n.Batch, n.Channels, n.dsums, dbias) }

func (n *ChannelNorm[T]) leaves(_, shard int) {
	from, to := planesOfShard(shard, n.Batch*n.Channels, n.Plane)
	for i := from; i < to; i++ {
		n.dsums[i], n.products[i] = n.leaf(i)
	}
}

// leaf is Σdy and Σdy·(x - m)·inverse of one channel of one image.
func (n *ChannelNorm[T]) leaf(i int) (sum, products float64) {
	first := i / n.Channels * n.Plane
	mean, inverse := n.mean[first:][:n.Plane], n.inverse[first:][:n.Plane]
	x := n.x[i*n.Plane:][:n.Plane]
	for j, v := range n.dy[i*n.Plane:][:n.Plane] {
		d := float64(v)
		sum += d
		products += float64(d * (float64(x[j]) - mean[j]) * inverse[j])
	}
	return sum, products
}

// BackwardData is dx, with the mean and variance of the last Forward. The derivation is that of
// [Norm.BackwardData] with a place's channels as the set:
//
//	dx = r·w·dy + (b·(x - m) + c),    b = -r³·Σ(w·dy·(x - m))/C,    c = -r·Σ(w·dy)/C
//
// dx may be dy.
func (n *ChannelNorm[T]) BackwardData(x, weight, dy, dx []T) {
	n.x, n.weight, n.dy, n.dx = x, weight, dy, dx
	Parallel(n.tiles(), n.dataShard)
}

func (n *ChannelNorm[T]) data(_, shard int) {
	t := n.tile(shard)
	var first, second [normTileSize]float64
	mean, inverse := n.mean[t.place:][:t.places], n.inverse[t.place:][:t.places]
	for c := range n.Channels {
		w, x := float64(n.weight[c]), n.row(n.x, t, c)
		for i, d := range n.row(n.dy, t, c) {
			wd := float64(w * float64(d))
			first[i] += wd
			second[i] += float64(wd * (float64(x[i]) - mean[i]))
		}
	}
	var means, factors, slopes, levels [normTileSize]T
	for i, r := range inverse {
		slope := -r * r * r * second[i] / float64(n.Channels)
		means[i], factors[i], slopes[i] = T(mean[i]), T(r), T(slope)
		levels[i] = T(float64(slope*(float64(means[i])-mean[i])) - r*first[i]/float64(n.Channels))
	}
	for c := range n.Channels {
		w, x, dx := n.weight[c], n.row(n.x, t, c), n.row(n.dx, t, c)
		for i, d := range n.row(n.dy, t, c) {
			dx[i] = T(factors[i]*w*d) + (T(slopes[i]*(x[i]-means[i])) + levels[i])
		}
	}
}
