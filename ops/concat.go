package ops

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Concat joins the channels of two or more tensors: (N, C1, H, W), (N, C2, H, W), … give
// (N, C1+C2+…, H, W); (N, C1), (N, C2), … give (N, C1+C2+…).
func Concat(inputs ...*G.Node) (*G.Node, error) {
	if err := checkCount("Concat", inputs); err != nil {
		return nil, err
	}
	return apply("Concat", concat[float32], concat[float64], inputs...)
}

// concat: y[n, c + first channel of input k] = xk[n,c], so each dxk is that part of dy.
func concat[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	channels, err := joinedChannels(in)
	if err != nil {
		return rule[T]{}, err
	}
	plane := planeSize(in[0])
	copies, vjps, first := make([]*kernel.Copy[T], len(in)), make([]vjp[T], len(in)), 0
	firsts := make([]int, len(in))
	for k, x := range in {
		firsts[k] = first
		size := x[1] * plane
		copies[k] = kernel.NewCopy[T](x[0], size, every(size, 0), every(channels*plane, first))
		back := copies[k].Reversed()
		vjps[k] = transposed(x, withChannels(in[0], channels),
			func(v, out []T) { clear(out); copies[k].Run(v, out) }, back.Run)
		first += size
	}
	return rule[T]{
		output: withChannels(in[0], channels),
		forward: func(in [][]T, y []T) {
			for k, c := range copies {
				if len(y) > 0 && &in[k][0] != &y[firsts[k]] {
					c.Run(in[k], y)
				}
			}
		},
		vjps:   vjps,
		joined: in[0][0] == 1,
	}, nil
}

// joinedChannels returns the sum of the inputs' channels. All other sizes must agree.
func joinedChannels(in []tensor.Shape) (channels int, err error) {
	for i, x := range in {
		if err := checkChannels(fmt.Sprintf("input %d", i), x); err != nil {
			return 0, err
		}
		if !slices.Equal(withChannels(x, 0), withChannels(in[0], 0)) {
			return 0, fmt.Errorf(
				"input %d: got shape %v, want %v like input 0, but for the channels", i, x, in[0],
			)
		}
		if x[1] > math.MaxInt-channels {
			return 0, fmt.Errorf("input %d has shape %v: the channels of all inputs overflow int", i, x)
		}
		channels += x[1]
	}
	return channels, nil
}
