package kernel

import "math"

// ChannelNormShape is a normalization of x (Batch, Channels, Plane) over the channels of each
// pixel, with a weight and a bias for each channel.
type ChannelNormShape struct {
	Batch, Channels, Plane int
	Eps                    float64 // added to the variance
}

// ChannelNorm normalizes each pixel over its channels: layer normalization, channels first. Each
// pixel has its own mean and variance, summed in float64 over the channels in two passes, so that a
// large mean costs the variance no digits. The sums of a channel start with a leaf for each image;
// the leaves are added in the order of the images.
type ChannelNorm[T Float] struct {
	ChannelNormShape
	mean, inverse   []float64 // of each pixel; inverse is 1/√(variance + Eps)
	dsums, products []float64 // of each image and channel: Σdy and Σdy·(x - m)·inverse

	part            *Part
	weights, biases Whole[float64]

	x, y, dy, dx, weight, bias []T // of the running call

	forwardShard, leafShard, dataShard func(worker, shard int)
}

// NewChannelNorm returns a normalization of the shape.
func NewChannelNorm[T Float](s ChannelNormShape) *ChannelNorm[T] {
	n := &ChannelNorm[T]{ChannelNormShape: s}
	n.mean, n.inverse = make([]float64, s.Batch*s.Plane), make([]float64, s.Batch*s.Plane)
	n.dsums, n.products = make([]float64, s.Batch*s.Channels), make([]float64, s.Batch*s.Channels)
	n.forwardShard, n.leafShard, n.dataShard = n.forward, n.leaves, n.data
	return n
}

// Split makes the normalization compute a part of a batch.
func (n *ChannelNorm[T]) Split(p *Part) { n.part = p }

func (n *ChannelNorm[T]) tiles() pixelTiles { return pixelTiles{n.Batch, n.Channels, n.Plane} }

// Forward is y = (x - m)/√(v + Eps)·weight + bias with the mean m and the biased variance v over
// the channels of each pixel. It keeps both for the backward pass. y may be x.
func (n *ChannelNorm[T]) Forward(x, weight, bias, y []T) {
	n.x, n.weight, n.bias, n.y = x, weight, bias, y
	Parallel(n.tiles().count(), n.forwardShard)
}

func (n *ChannelNorm[T]) forward(_, shard int) {
	t := n.tiles().tile(shard)
	n.statistics(t)
	var buffer [3][pixelTileSize]T
	means, factors, shifts := buffer[0][:t.pixels], buffer[1][:t.pixels], buffer[2][:t.pixels]
	for i, m := range n.mean[t.first:][:t.pixels] {
		inverse := n.inverse[t.first+i]
		means[i], factors[i] = T(m), T(inverse)
		shifts[i] = T((float64(means[i]) - m) * inverse) // the rounding error of means
	}
	for c := range n.Channels {
		w, b := n.weight[c], n.bias[c]
		x, y := rowOf(n.x, t, c)[:len(means)], rowOf(n.y, t, c)[:len(means)]
		for i, m := range means {
			y[i] = T(w*(T((x[i]-m)*factors[i])+shifts[i])) + b
		}
	}
}

// statistics sets mean and inverse of a tile's pixels.
func (n *ChannelNorm[T]) statistics(t pixelTile) {
	var buffer [2][pixelTileSize]float64
	mean, squares := buffer[0][:t.pixels], buffer[1][:t.pixels]
	for c := range n.Channels {
		for i, v := range rowOf(n.x, t, c)[:len(mean)] {
			mean[i] += float64(v)
		}
	}
	divide(mean, float64(n.Channels))
	for c := range n.Channels {
		x := rowOf(n.x, t, c)[:len(mean)]
		for i, m := range mean {
			d := float64(x[i]) - m
			squares[i] += float64(d * d)
		}
	}
	copy(n.mean[t.first:], mean)
	for i, sum := range squares {
		n.inverse[t.first+i] = 1 / math.Sqrt(sum/float64(n.Channels)+n.Eps)
	}
}

// BackwardWeights is dweight[c] = Σ dy·(x - m)/√(v + Eps) over the batch and the plane of channel
// c, with the mean and variance of the last Forward. It keeps the sums that BackwardBias reads.
func (n *ChannelNorm[T]) BackwardWeights(x, dy, dweight []T) {
	n.x, n.dy = x, dy
	Parallel(ceilDiv(n.Batch*n.Channels, planesPerShard(n.Plane)), n.leafShard)
	sumImages(n.part, &n.weights, n.Channels, n.products, dweight)
}

// BackwardBias is dbias[c] = Σ dy over the batch and the plane of channel c, with the dy of the
// last BackwardWeights.
func (n *ChannelNorm[T]) BackwardBias(dbias []T) {
	sumImages(n.part, &n.biases, n.Channels, n.dsums, dbias)
}

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
// [Norm.BackwardData], the set being a pixel's channels:
//
//	dx = r·w·dy + (b·(x - m) + c),    b = -r³·Σ(w·dy·(x - m))/C,    c = -r·Σ(w·dy)/C
//
// dx may be dy.
func (n *ChannelNorm[T]) BackwardData(x, weight, dy, dx []T) {
	n.x, n.weight, n.dy, n.dx = x, weight, dy, dx
	Parallel(n.tiles().count(), n.dataShard)
}

func (n *ChannelNorm[T]) data(_, shard int) {
	t := n.tiles().tile(shard)
	var buffer [4][pixelTileSize]T
	means, factors := buffer[0][:t.pixels], buffer[1][:t.pixels]
	slopes, levels := buffer[2][:t.pixels], buffer[3][:t.pixels]
	n.slopes(t, means, factors, slopes, levels)
	for c := range n.Channels {
		w, x := n.weight[c], rowOf(n.x, t, c)[:len(means)]
		dy, dx := rowOf(n.dy, t, c)[:len(means)], rowOf(n.dx, t, c)[:len(means)]
		for i, m := range means {
			dx[i] = T(factors[i]*w*dy[i]) + (T(slopes[i]*(x[i]-m)) + levels[i])
		}
	}
}

// slopes sets m, r, b and c of BackwardData for a tile's pixels.
func (n *ChannelNorm[T]) slopes(t pixelTile, means, factors, slopes, levels []T) {
	var buffer [2][pixelTileSize]float64
	first, second := buffer[0][:t.pixels], buffer[1][:t.pixels]
	mean, inverse := n.mean[t.first:][:t.pixels], n.inverse[t.first:][:t.pixels]
	for c := range n.Channels {
		w, x, dy := float64(n.weight[c]), rowOf(n.x, t, c)[:len(mean)], rowOf(n.dy, t, c)[:len(mean)]
		for i, m := range mean {
			d := float64(w * float64(dy[i]))
			first[i] += d
			second[i] += float64(d * (float64(x[i]) - m))
		}
	}
	size := float64(n.Channels)
	for i, r := range inverse {
		slope := -r * r * r * second[i] / size
		means[i], factors[i], slopes[i] = T(mean[i]), T(r), T(slope)
		levels[i] = T(float64(slope*(float64(means[i])-mean[i])) - r*first[i]/size)
	}
}
