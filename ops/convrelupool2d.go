package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ConvReLUPool2D is [Conv2D], [ReLU] and [MaxPool2D] in one op that works image by image: each
// worker holds the convolution's result, or its gradient, of one image, in its cache. Results and
// gradients are the same to the bit.
func ConvReLUPool2D(x, w, b *G.Node, c Conv, p Pool) (*G.Node, error) {
	c, p = c.withDefaults(), p.withDefaults()
	return apply("ConvReLUPool2D", convReLUPool2D[float32](c, p), convReLUPool2D[float64](c, p), withBias(x, w, b)...)
}

// convReLUPool2D: y = r[a] with r = max(conv(x, w) + b, 0) and a the index of the window's largest
// value. Backwards a window's dy goes to its a if r[a] = y > 0,
//
//	dconv[h] = Σ dy·1[y > 0] over the windows whose a is h
//
// and then through the convolution (see conv2D). dx and dw each compute dconv again, image by
// image, which is cheaper than storing it. db adds the sums of planes that dw makes of dconv.
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
		biased, kept := len(in) > 2, false
		return rule[T]{
			attributes: fmt.Sprintf("%v; pool %v", c, p),
			output:     pooled(pool),
			split:      splits(func(p *Part) { k().Split(p) }),
			forward: func(in [][]T, y []T) {
				if kept {
					k().KeepIndices()
				}
				k().Forward(in[0], in[1], biasOf(in), y)
			},
			differentiated: func() { kept = true },
			vjps: []vjp[T]{
				{reads: []operand{1, result}, apply: func(in [][]T, y, dy, dx []T) {
					k().BackwardData(in[1], y, dy, dx)
				}},
				{reads: []operand{0, result}, late: func() { k().LateWeights() }, apply: func(in [][]T, y, dy, dw []T) {
					k().BackwardWeights(in[0], y, dy, dw, biased)
				}},
				{after: []operand{gradientOf(1)}, sideOutput: true, late: func() { k().LateBias() },
					apply: func(_ [][]T, _, _, db []T) { k().BackwardBias(db) }},
			}[:len(in)],
		}, nil
	}
}
