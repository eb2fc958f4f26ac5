package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ConvReLUPool2D is [Conv2D], [ReLU] and [MaxPool2D] in one, worked image by image: of the convolution's result, and of its gradient, only
// one image for each worker exists at a time, in its cache. The results are the same to the bit, and so are the gradients.
func ConvReLUPool2D(x, w, b *G.Node, c Conv, p Pool) (*G.Node, error) {
	c, p = c.withDefaults(), p.withDefaults()
	return apply("ConvReLUPool2D", convReLUPool2D[float32](c, p), convReLUPool2D[float64](c, p), withBias(x, w, b)...)
}

// convReLUPool2D: y = r[a] with r = max(conv(x, w) + b, 0) and a the place of the window's largest value. Backwards a window's dy goes to
// its place if r[a] = y > 0,
//
//	dconv[h] = Σ dy·1[y > 0] over the windows whose a is h
//
// and from there on it is the convolution (see conv2D). Whoever needs dconv makes an image's part of it anew, which is cheaper than to keep
// it. db sums what dw is made of, so it is a by-product of dw.
func convReLUPool2D[T kernel.Float](c Conv, p Pool) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		conv, err := convShape(in, c)
		if err != nil {
			return rule[T]{}, err
		}
		pool, err := poolShape(convOutput(conv), p)
		if err != nil {
			return rule[T]{}, err
		}
		k := sync.OnceValue(func() *kernel.ConvReLUPool[T] { return kernel.NewConvReLUPool[T](conv, pool) })
		var dbias []T // nil: none is asked for
		if len(in) > 2 {
			dbias = make([]T, conv.OutChannels)
		}
		return rule[T]{
			attributes: fmt.Sprintf("%v; pool %v", c, p),
			output:     pooled(pool),
			split:      splits(func(p *Part) { k().Split(p) }),
			forward:    func(in [][]T, y []T) error { k().Forward(in[0], in[1], biasOf(in), y); return nil },
			vjps: []vjp[T]{
				{reads: []operand{1, result}, apply: func(saved [][]T, dy, dx []T) error {
					k().BackwardData(saved[0], saved[1], dy, dx)
					return nil
				}},
				{reads: []operand{0, result}, apply: func(saved [][]T, dy, dw []T) error {
					k().BackwardWeights(saved[0], saved[1], dy, dw, dbias)
					return nil
				}},
				{after: []operand{gradientOf(1)}, sideOutput: true, apply: func(_ [][]T, _, db []T) error { copy(db, dbias); return nil }},
			}[:len(in)],
		}, nil
	}
}
