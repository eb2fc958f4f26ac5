package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Flatten turns (N, d1, d2, …) into (N, d1·d2·…). It copies, unless [SetBuffer] has given both the
// same memory. Gorgonia's own Reshape shares memory that its liveness analysis doesn't know of.
func Flatten(x *G.Node) (*G.Node, error) {
	return apply("Flatten", flatten[float32], flatten[float64], x)
}

// flatten: y has x's elements in the same order, so dx has dy's.
func flatten[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	if in[0].Dims() < 2 {
		return rule[T]{}, fmt.Errorf("input: got shape %v, want (N, …) with at least two dimensions", in[0])
	}
	y := tensor.Shape{in[0][0], features(in[0])}
	return rule[T]{
		output:  y,
		view:    true,
		forward: func(in [][]T, y []T) { move(y, in[0]) },
		vjps:    []vjp[T]{unchanged[T](in[0], y)},
	}, nil
}

// features returns the number of values in a sample.
func features(s tensor.Shape) int {
	n := 1
	for _, size := range s[1:] {
		n *= size
	}
	return n
}
