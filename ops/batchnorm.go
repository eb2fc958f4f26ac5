package ops

import (
	"fmt"
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// BatchNorm is batch normalization in training (Ioffe and Szegedy 2015, algorithm 1) of x
// (N, C, H, W) or (N, C): each channel is normalized by its mean and its biased variance over the
// batch and the plane, multiplied by weight (C), and bias (C) is added.
//
// mean and variance (C) are for a running estimate, as in PyTorch:
//
//	running = (1 - momentum)·running + momentum·batch
//
// so the variance is unbiased: M/(M-1) times the variance that normalizes x, M = N·H·W. Both are
// computed after y in every run, and have no gradient.
func BatchNorm(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNorm", limiter{}, eps, x, weight, bias)
}

// BatchNormReLU is [BatchNorm] followed by [ReLU] in one pass: the rectifier is applied before the
// normalized values go to memory. Results and gradients are the same to the bit.
func BatchNormReLU(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNormReLU", rectifier(), eps, x, weight, bias)
}

// BatchNormClip is [BatchNorm] followed by [Clip] in one pass; see [BatchNormReLU].
func BatchNormClip(x, weight, bias *G.Node, eps, low, high float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNormClip", clipper(low, high), eps, x, weight, bias)
}

// BatchNormAddReLU is [BatchNorm], the sum with other, of x's shape, and [ReLU] in one pass, as at
// the end of a residual block (He et al. 2015); see [BatchNormReLU].
func BatchNormAddReLU(x, weight, bias, other *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNormAddReLU", rectifier(), eps, x, weight, bias, other)
}

func batchNormOps(name string, l limiter, eps float64, inputs ...*G.Node) (y, mean, variance *G.Node, err error) {
	f32, f64 := &batchNorm[float32]{eps: eps, limiter: l}, &batchNorm[float64]{eps: eps, limiter: l}
	if y, err = apply(name, f32.normalize, f64.normalize, inputs...); err != nil {
		return nil, nil, nil, err
	}
	if mean, err = apply("BatchMean", f32.mean, f64.mean, y); err != nil {
		return nil, nil, nil, err
	}
	if variance, err = apply("BatchVariance", f32.variance, f64.variance, y); err != nil {
		return nil, nil, nil, err
	}
	return y, mean, variance, nil
}

// batchNorm is the three ops of one batch normalization, which share a kernel.
type batchNorm[T kernel.Float] struct {
	eps     float64
	limiter limiter                // the zero limiter: none
	kernel  func() *kernel.Norm[T] // set by normalize
}

// normalize is a normRule whose sets are the channels: M = N·H·W. With a limiter f, y = f(a) of the
// normRule's a, so first da = dy·f'(a), which y tells. With a fourth input, y = f(a + other).
func (b *batchNorm[T]) normalize(in []tensor.Shape) (rule[T], error) {
	if err := checkNorm(in[:3], b.eps); err != nil {
		return rule[T]{}, err
	}
	x := in[0]
	if x[0]*planeOf(x) == 1 {
		return rule[T]{}, fmt.Errorf("input: got shape %v, want more than one value for each channel", x)
	}
	b.kernel = sync.OnceValue(func() *kernel.Norm[T] {
		return kernel.NewNorm[T](kernel.NormShape{Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: b.eps})
	})
	r := normRule(x, channelSets(x), b.eps, fmt.Sprintf("eps %g", b.eps), func() normalizer[T] { return b.kernel() })
	r.split = b.split
	if l := b.limiter; l.Name != "" {
		r.attributes = l.with(r.attributes)
		r.forward = func(in [][]T, y []T) { b.kernel().ForwardWithin(limitsOf[T](l), in[0], in[1], in[2], y) }
		r.epilogue = functionVJP[T](l.Function, x)
		if err := l.Check(); err != nil {
			return rule[T]{}, err
		}
	}
	if len(in) > 3 {
		return b.plus(in[3], r)
	}
	return r, nil
}

// plus adds the input other to what the limiter takes: d(other) = da.
func (b *batchNorm[T]) plus(other tensor.Shape, r rule[T]) (rule[T], error) {
	if !slices.Equal(other, r.output) {
		return rule[T]{}, fmt.Errorf("other: got shape %v, want %v like the input", other, r.output)
	}
	r.forward = func(in [][]T, y []T) {
		b.kernel().ForwardAddedWithin(limitsOf[T](b.limiter), in[0], in[1], in[2], in[3], y)
	}
	r.alsoInPlace = []int{3}
	same, again := unchanged[T](other, other), r.again
	r.vjps = append(r.vjps, same)
	r.again = func() []vjp[T] { return append(again(), same) }
	return r, nil
}

// split refuses several turns: each image is normalized by the mean and the variance of the whole
// batch.
func (b *batchNorm[T]) split(p *Part) error {
	if p.Turns() > 1 {
		return fmt.Errorf("turns: got %d, want 1: each image is normalized by the whole batch", p.Turns())
	}
	b.kernel().Split(p)
	return nil
}

func (b *batchNorm[T]) mean(in []tensor.Shape) (rule[T], error) {
	return b.statistic(in[0], func(mean []T) { b.kernel().Mean(mean) }), nil
}

func (b *batchNorm[T]) variance(in []tensor.Shape) (rule[T], error) {
	return b.statistic(in[0], func(variance []T) { b.kernel().UnbiasedVariance(variance) }), nil
}

// statistic is a number for each channel that the forward pass stored in the kernel.
func (b *batchNorm[T]) statistic(y tensor.Shape, read func([]T)) rule[T] {
	return rule[T]{
		output:     tensor.Shape{y[1]},
		sideOutput: true,
		forward:    func(_ [][]T, out []T) { read(out) },
		vjps:       []vjp[T]{{}},
	}
}
