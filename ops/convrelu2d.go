package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ConvReLU2D is [Conv2D] followed by [ReLU] in one pass: the rectifier is applied before the sums
// go to memory. Results and gradients are the same to the bit.
func ConvReLU2D(x, w, b *G.Node, c Conv) (*G.Node, error) {
	return convLimited("ConvReLU2D", rectifier(), x, w, b, c)
}

// ConvClip2D is [Conv2D] followed by [Clip] in one pass; see [ConvReLU2D].
func ConvClip2D(x, w, b *G.Node, c Conv, low, high float64) (*G.Node, error) {
	return convLimited("ConvClip2D", clipper(low, high), x, w, b, c)
}

func convLimited(name string, l limiter, x, w, b *G.Node, c Conv) (*G.Node, error) {
	c = c.withDefaults()
	return apply(name, limitedConv2D[float32](c, l), limitedConv2D[float64](c, l), withBias(x, w, b)...)
}

// limitedConv2D: y = f(a) with a = conv(x, w) + b, so first da = dy·f'(a), which y tells, then the
// convolution's gradients of da (see conv2D). a isn't stored.
func limitedConv2D[T kernel.Float](c Conv, l limiter) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := l.Check(); err != nil {
			return rule[T]{}, err
		}
		shape, err := convShape(in, c)
		if err != nil {
			return rule[T]{}, err
		}
		k := kernel.NewConv[T](shape)
		return rule[T]{
			attributes: l.with(c.String()),
			output:     convOutput(shape),
			forward:    func(in [][]T, y []T) { k.ForwardWithin(limitsOf[T](l), in[0], in[1], biasOf(in), y) },
			split:      splits(k.Split),
			vjps:       convVJPs(k, shape)[:len(in)],
			epilogue:   functionVJP[T](l.Function, convOutput(shape)),
		}, nil
	}
}
