package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// AffineReLU is [Affine] followed by [ReLU] in one pass: the rectifier is applied before the sums
// go to memory. Results and gradients are the same to the bit.
func AffineReLU(x, w, b *G.Node) (*G.Node, error) {
	return apply("AffineReLU", affineReLU[float32], affineReLU[float64], withBias(x, w, b)...)
}

// affineReLU: y = max(a, 0) with a = x·Wᵀ + b, so first da = dy·1[y > 0], then the affine layer's
// gradients of da (see affine). a isn't stored.
func affineReLU[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if err := checkAffine(in); err != nil {
		return rule[T]{}, err
	}
	x, w := in[0], in[1]
	k := kernel.NewAffine[T](x[0], w[1], w[0])
	return rule[T]{
		output:   tensor.Shape{x[0], w[0]},
		forward:  func(in [][]T, y []T) { k.ForwardWithin(kernel.AtLeast0[T](), in[0], in[1], biasOf(in), y) },
		split:    splits(k.Split),
		vjps:     affineVJPs(k, x, w)[:len(in)],
		epilogue: functionVJP[T](ReLUFunction(), tensor.Shape{x[0], w[0]}),
	}, nil
}
