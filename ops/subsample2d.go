package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Subsample2D is the trainable pooling of LeCun et al. 1998 (layers S2 and S4), without the
// activation that follows it there: the sum of each window times the channel's coefficient plus its
// bias. x is (N, C, H, W), coefficient and bias are (C), the result is (N, C, OH, OW). Only Kernel,
// Stride and Pad of p may be set.
func Subsample2D(x, coefficient, bias *G.Node, p Pool) (*G.Node, error) {
	p = p.withDefaults()
	return apply("Subsample2D", subsample2D[float32](p), subsample2D[float64](p), x, coefficient, bias)
}

// subsample2D: y[n,c,i,j] = a[c]·s[n,c,i,j] + b[c] with s the sum of x over the window, so
//
//	dx[n,c,h]  = a[c] · Σ dy over the windows that contain h
//	da[c]      = Σ(n,i,j) dy[n,c,i,j] · s[n,c,i,j]
//	db[c]      = Σ(n,i,j) dy[n,c,i,j]
//
// Without b, y is linear in x and in a.
func subsample2D[T kernel.Float](p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if plain := (Pool{Kernel: p.Kernel, Stride: p.Stride, Pad: p.Pad}).withDefaults(); p != plain {
			return rule[T]{}, fmt.Errorf("windows: got %v, want only kernel, stride and pad: %v", p, plain)
		}
		shape, err := poolShape(in[0], p)
		if err != nil {
			return rule[T]{}, err
		}
		for i, name := range []string{"coefficient", "bias"} {
			if s := in[1+i]; s.Dims() != 1 || s[0] != shape.Channels {
				return rule[T]{}, fmt.Errorf(
					"%s: got shape %v, want (%d), one for each channel", name, s, shape.Channels,
				)
			}
		}
		k := sync.OnceValue(func() *kernel.Subsample[T] { return kernel.NewSubsample[T](shape) })
		zero := make([]T, shape.Channels)
		x, a, y := in[0], in[1], pooled(shape)
		dx, da := bilinear(x, a, y,
			func(x, a, y []T) { k().Forward(x, a, zero, y) },
			func(a, dy, dx []T) { k().BackwardData(a, dy, dx) },
			func(x, dy, da []T) { k().BackwardCoefficient(x, dy, da) })
		db := biasVJP(y, func(dy, db []T) { k().BackwardBias(dy, db) })
		return rule[T]{
			attributes: p.String(),
			output:     y,
			split:      splits(func(p *Part) { k().Split(p) }),
			forward:    func(in [][]T, y []T) { k().Forward(in[0], in[1], in[2], y) },
			vjps:       []vjp[T]{dx, da, db},
		}, nil
	}
}
