package kernel

// ChannelSoftmax is the softmax over the channels of each pixel of x (batch, channels, plane).
type ChannelSoftmax[T Float] struct {
	pixelTiles
	x, y, dy, dx                []T // of the running call
	forwardShard, backwardShard func(worker, shard int)
}

// NewChannelSoftmax returns a softmax of the shape.
func NewChannelSoftmax[T Float](batch, channels, plane int) *ChannelSoftmax[T] {
	s := &ChannelSoftmax[T]{pixelTiles: pixelTiles{batch, channels, plane}}
	s.forwardShard, s.backwardShard = s.forward, s.backward
	return s
}

// Forward is y[c] = e^x[c] / Σk e^x[k] at each pixel. It subtracts the pixel's largest value first,
// so large logits don't overflow. y may be x.
func (s *ChannelSoftmax[T]) Forward(x, y []T) {
	s.x, s.y = x, y
	Parallel(s.count(), s.forwardShard)
}

func (s *ChannelSoftmax[T]) forward(_, shard int) {
	t := s.tile(shard)
	var topBuffer [pixelTileSize]T
	var sumBuffer [pixelTileSize]float64
	tops, sums := topBuffer[:t.pixels], sumBuffer[:t.pixels]
	s.largest(t, tops)
	exp := kernels[T]().exp
	for c := range s.channels {
		x, y := rowOf(s.x, t, c)[:len(tops)], rowOf(s.y, t, c)[:len(tops)]
		for i, top := range tops {
			y[i] = x[i] - top
		}
		exp(operands[T]{a: y, b: y})
		for i, power := range y[:len(sums)] {
			sums[i] += float64(power)
		}
	}
	for i, sum := range sums {
		sums[i] = 1 / sum
	}
	for c := range s.channels {
		y := rowOf(s.y, t, c)[:len(sums)]
		for i, scale := range sums {
			y[i] = T(float64(y[i]) * scale)
		}
	}
}

// largest sets tops to the largest value of each pixel. NaN counts as largest.
func (s *ChannelSoftmax[T]) largest(t pixelTile, tops []T) {
	copy(tops, rowOf(s.x, t, 0))
	for c := 1; c < s.channels; c++ {
		for i, v := range rowOf(s.x, t, c)[:len(tops)] {
			if above(v, tops[i]) {
				tops[i] = v
			}
		}
	}
}

// Backward is dx[k] = y[k]·(dy[k] - Σc dy[c]·y[c]) at each pixel, as in [SoftmaxBackward]. dx may
// be dy.
func (s *ChannelSoftmax[T]) Backward(y, dy, dx []T) {
	s.y, s.dy, s.dx = y, dy, dx
	Parallel(s.count(), s.backwardShard)
}

func (s *ChannelSoftmax[T]) backward(_, shard int) {
	t := s.tile(shard)
	var buffer [pixelTileSize]float64
	dots := buffer[:t.pixels]
	for c := range s.channels {
		y, dy := rowOf(s.y, t, c)[:len(dots)], rowOf(s.dy, t, c)[:len(dots)]
		for i := range dots {
			dots[i] += float64(float64(y[i]) * float64(dy[i]))
		}
	}
	for c := range s.channels {
		y, dy, dx := rowOf(s.y, t, c)[:len(dots)], rowOf(s.dy, t, c)[:len(dots)], rowOf(s.dx, t, c)[:len(dots)]
		for i, dot := range dots {
			dx[i] = y[i] * T(float64(dy[i])-dot)
		}
	}
}
