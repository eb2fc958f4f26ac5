package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ConvReLU2D is [Conv2D] and [ReLU] in one: the rectifier works on the convolution's sums before they go to memory. The results are the same
// to the bit, and so are the gradients.
func ConvReLU2D(x, w, b *G.Node, c Conv) (*G.Node, error) {
	c = c.withDefaults()
	return apply("ConvReLU2D", convReLU2D[float32](c), convReLU2D[float64](c), withBias(x, w, b)...)
}

// convReLU2D: y = max(a, 0) with a = conv(x, w) + b, so first da = dy·1[y > 0] (see relu), and then the convolution's gradients of da (see
// conv2D). a itself is nowhere kept.
func convReLU2D[T kernel.Float](c Conv) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := convShape(in, c)
		if err != nil {
			return rule[T]{}, err
		}
		k := kernel.NewConv[T](shape)
		return rule[T]{
			attributes: c.String(),
			output:     convOutput(shape),
			forward:    func(in [][]T, y []T) error { k.ForwardReLU(in[0], in[1], biasOf(in), y); return nil },
			split:      splits(k.Split),
			vjps:       convVJPs(k, shape)[:len(in)],
			outer:      reluVJP[T](convOutput(shape)),
		}, nil
	}
}
