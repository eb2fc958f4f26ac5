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
// Without b, ⟨dy, y⟩ is linear in each of x, a and dy: a [form], which gives the gradients'
// gradients.
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
					"%s has shape %v: want (%d), one for each channel", name, s, shape.Channels,
				)
			}
		}
		k := sync.OnceValue(func() *kernel.Subsample[T] { return kernel.NewSubsample[T](shape) })
		zero := make([]T, shape.Channels)
		slots := []tensor.Shape{in[0], in[1], pooled(shape)}
		f := form[T]{name: "Subsample2D", slots: slots, partials: []partial[T]{ // Σ dy·a·s
			func(in, _ [][]T, dx []T) error { k().BackwardData(in[1], in[2], dx); return nil },
			func(in, _ [][]T, da []T) error { k().BackwardCoefficient(in[0], in[2], da); return nil },
			func(in, _ [][]T, y []T) error { k().Forward(in[0], in[1], zero, y); return nil },
		}}
		return rule[T]{
			attributes: p.String(),
			output:     pooled(shape),
			split:      splits(func(p *Part) { k().Split(p) }),
			forward:    func(in [][]T, y []T) error { k().Forward(in[0], in[1], in[2], y); return nil },
			vjps: []vjp[T]{
				{
					reads:  []operand{1},
					apply:  func(saved [][]T, dy, dx []T) error { k().BackwardData(saved[0], dy, dx); return nil },
					second: f.second(0, 2, 1),
				},
				{
					reads: []operand{0},
					apply: func(saved [][]T, dy, da []T) error {
						k().BackwardCoefficient(saved[0], dy, da)
						return nil
					},
					second: f.second(1, 2, 0),
				},
				{
					apply:  func(_ [][]T, dy, db []T) error { k().BackwardBias(dy, db); return nil },
					second: biasForm[T](pooled(shape)).second(0, 1),
				},
			},
		}, nil
	}
}
