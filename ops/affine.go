package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Affine is the fully connected layer y = x·Wᵀ + b: x is (N, in) or any (N, d1, d2, …) with
// d1·d2·… = in, w is (out, in), b is (out), y is (N, out). A nil b means no bias.
func Affine(x, w, b *G.Node) (*G.Node, error) {
	return apply("Affine", affine[float32], affine[float64], withBias(x, w, b)...)
}

// affine: y[n,o] = Σi x[n,i]·w[o,i] + b[o], so
//
//	dx[n,i] = Σo dy[n,o]·w[o,i]      dX = dY·W
//	dw[o,i] = Σn dy[n,o]·x[n,i]      dW = dYᵀ·X
//	db[o]   = Σn dy[n,o]
func affine[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if err := checkAffine(in); err != nil {
		return rule[T]{}, err
	}
	x, w := in[0], in[1]
	k := kernel.NewAffine[T](x[0], w[1], w[0])
	return rule[T]{
		output:  tensor.Shape{x[0], w[0]},
		forward: func(in [][]T, y []T) { k.Forward(in[0], in[1], biasOf(in), y) },
		split:   splits(k.Split),
		vjps:    affineVJPs(k, x, w)[:len(in)],
	}, nil
}

// affineVJPs are the gradients of x, w and b.
func affineVJPs[T kernel.Float](k *kernel.Affine[T], x, w tensor.Shape) []vjp[T] {
	y := tensor.Shape{x[0], w[0]}
	dx, dw := bilinear(x, w, y, func(x, w, y []T) { k.Forward(x, w, nil, y) }, k.BackwardData, k.BackwardWeights)
	db := biasVJP(y, k.BackwardBias)
	dw.late, dw.shares, db.late = k.LateWeights, k.SharesWeights, k.LateBias
	return []vjp[T]{dx, dw, db}
}

// checkAffine checks the operands' shapes. The bias is optional.
func checkAffine(in []tensor.Shape) error {
	x, w := in[0], in[1]
	if x.Dims() < 2 || x.TotalSize() == 0 {
		return fmt.Errorf("input: got shape %v, want (N, features)", x)
	}
	if w.Dims() != 2 || w.TotalSize() == 0 {
		return fmt.Errorf("weight: got shape %v, want (out, in)", w)
	}
	if w[1] != features(x) {
		return fmt.Errorf("input: got %d features (shape %v), want %d for the weight %v", features(x), x, w[1], w)
	}
	if len(in) > 2 && (in[2].Dims() != 1 || in[2][0] != w[0]) {
		return fmt.Errorf("bias: got shape %v, want (%d), one for each row of the weight", in[2], w[0])
	}
	return nil
}
