package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ConvReLU2D is [Conv2D] followed by [ReLU] in one pass: the rectifier is applied before the sums
// go to memory. Results and gradients are the same to the bit.
func ConvReLU2D(x, w, b *G.Node, c Conv) (*G.Node, error) {
	c = c.withDefaults()
	return apply("ConvReLU2D", convReLU2D[float32](c), convReLU2D[float64](c), withBias(x, w, b)...)
}

// convReLU2D: y = max(a, 0) with a = conv(x, w) + b, so first da = dy·1[y > 0] (see reluVJP), then
// the convolution's gradients of da (see conv2D). a isn't stored.
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
			forward:    func(in [][]T, y []T) { k.ForwardReLU(in[0], in[1], biasOf(in), y) },
			split:      splits(k.Split),
			vjps:       convVJPs(k, shape)[:len(in)],
			epilogue:   reluVJP[T](convOutput(shape)),
		}, nil
	}
}
