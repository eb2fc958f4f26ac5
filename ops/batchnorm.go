package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// BatchNorm is batch normalisation in training (Ioffe and Szegedy 2015, algorithm 1) of x
// (N, C, H, W) or (N, C): each channel is normalised by its mean and its biased variance over the
// batch and the plane, multiplied by weight (C), and bias (C) is added.
//
// mean and variance (C) are what a running estimate is made of, as in PyTorch:
//
//	running = (1 - momentum)·running + momentum·batch
//
// so the variance is the unbiased one, M/(M-1) times the one that y is made with, M = N·H·W. They are
// computed after y in every run, and no gradient flows through them.
func BatchNorm(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNorm", false, x, weight, bias, eps)
}

// BatchNormReLU is [BatchNorm] and [ReLU] in one: the rectifier works on the normalised values before
// they go to memory. The results are the same to the bit, and so are the gradients.
func BatchNormReLU(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	return batchNormOps("BatchNormReLU", true, x, weight, bias, eps)
}

func batchNormOps(name string, relu bool, x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
	f32, f64 := &batchNorm[float32]{eps: eps, relu: relu}, &batchNorm[float64]{eps: eps, relu: relu}
	if y, err = apply(name, f32.normalize, f64.normalize, x, weight, bias); err != nil {
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

// batchNorm is the three ops of one batch normalisation, which share a kernel.
type batchNorm[T kernel.Float] struct {
	eps    float64
	relu   bool                   // y is rectified
	kernel func() *kernel.Norm[T] // set by normalize
}

// normalize is a normRule whose sets are the channels: M = N·H·W. With the rectifier, y = max(a, 0)
// of the normRule's a, so first da = dy·1[y > 0] (see relu).
func (b *batchNorm[T]) normalize(in []tensor.Shape) (rule[T], error) {
	if err := checkNorm(in, b.eps); err != nil {
		return rule[T]{}, err
	}
	x := in[0]
	if x[0]*planeOf(x) == 1 {
		return rule[T]{}, fmt.Errorf("input has shape %v: want more than one value for each channel, to have a variance", x)
	}
	b.kernel = sync.OnceValue(func() *kernel.Norm[T] {
		return kernel.NewNorm[T](kernel.NormShape{Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: b.eps})
	})
	r := normRule(x, channelSets(x), b.eps, fmt.Sprintf("eps %g", b.eps), func() normalizer[T] { return b.kernel() })
	r.split = b.split
	if b.relu {
		r.forward = func(in [][]T, y []T) error { b.kernel().ForwardReLU(in[0], in[1], in[2], y); return nil }
		r.outer = reluVJP[T](x)
	}
	return r, nil
}

// split refuses turns: the mean and the variance of the whole batch are needed before any image of it
// can be normalised.
func (b *batchNorm[T]) split(p *Part) error {
	if p.Turns() > 1 {
		return fmt.Errorf("the batch is computed in %d turns: want 1, because an image is normalised by the mean of the whole batch",
			p.Turns())
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

// statistic is one number for each channel that the forward pass left in the kernel.
func (b *batchNorm[T]) statistic(y tensor.Shape, read func([]T)) rule[T] {
	return rule[T]{
		output:     tensor.Shape{y[1]},
		sideOutput: true,
		forward:    func(_ [][]T, out []T) error { read(out); return nil },
		vjps:       []vjp[T]{{}},
	}
}
