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
		return rule[T]{}, fmt.Errorf("inputs have shapes %v and %v: want one shape", in[0], in[1])
	}
	sum := func(a, b, y []T) error { kernel.DotRows(1, len(a), a, b, y); return nil }
	scale := func(v []T, factor T, out []T) error {
		kernel.Normalize(1, 1, len(v), v, nil, []T{factor}, out)
		return nil
	}
	f := form[T]{name: "Dot", slots: []tensor.Shape{in[0], in[0], tensor.ScalarShape()}, partials: []partial[T]{
		func(in, _ [][]T, da []T) error { return scale(in[1], in[2][0], da) },
		func(in, _ [][]T, db []T) error { return scale(in[0], in[2][0], db) },
		func(in, _ [][]T, y []T) error { return sum(in[0], in[1], y) },
	}}
	by := func(saved [][]T, dy, d []T) error { return scale(saved[0], dy[0], d) }
	return rule[T]{
		output:  tensor.ScalarShape(),
		forward: func(in [][]T, y []T) error { return sum(in[0], in[1], y) },
		vjps: []vjp[T]{
			{reads: []operand{1}, apply: by, second: f.second(0, 2, 1)},
			{reads: []operand{0}, apply: by, second: f.second(1, 2, 0)},
		},
	}, nil
}
