package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Dot is Σ a·b over all elements of two tensors of one shape, a scalar. With a gradient g and a
// vector v, the gradient of Dot(g, v) is the Hessian times v, and Dot(g, g) is the squared length
// of g.
func Dot(a, b *G.Node) (*G.Node, error) { return apply("Dot", dot[float32], dot[float64], a, b) }

// dot: y = Σ a·b, so da = dy·b and db = dy·a.
func dot[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if !slices.Equal(in[0], in[1]) || in[0].TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("inputs: got shapes %v and %v, want one shape", in[0], in[1])
	}
	sum := func(a, b, y []T) { kernel.DotRows(1, len(a), a, b, y) }
	scale := func(v, dy, out []T) { kernel.Normalize(1, 1, len(v), v, nil, dy, out) }
	da, db := bilinear(in[0], in[1], tensor.ScalarShape(), sum, scale, scale)
	return rule[T]{
		output:  tensor.ScalarShape(),
		forward: func(in [][]T, y []T) { sum(in[0], in[1], y) },
		vjps:    []vjp[T]{da, db},
	}, nil
}
