package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Add is the sum of two or more tensors of one shape, element by element, added from left to right:
// ((a + b) + c) + …
func Add(inputs ...*G.Node) (*G.Node, error) {
	if err := checkCount("Add", inputs); err != nil {
		return nil, err
	}
	return apply("Add", add[float32], add[float64], inputs...)
}

// add: ∂y/∂xi = 1, so dxi = dy.
//
// The result may replace either of the first two terms. It may not replace a later one, which the
// first sum would overwrite.
func add[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	for i, s := range in {
		if !slices.Equal(s, in[0]) {
			return rule[T]{}, fmt.Errorf("input %d: got shape %v, want %v like input 0", i, s, in[0])
		}
	}
	sum := kernel.NewSum[T]()
	return rule[T]{
		output:      in[0],
		inPlace:     true,
		alsoInPlace: []int{1},
		forward: func(in [][]T, y []T) {
			sum.Of(in, y)
		},
		vjps: slices.Repeat([]vjp[T]{unchanged[T](in[0], in[0])}, len(in)),
	}, nil
}

// checkCount wants two inputs at least.
func checkCount(name string, inputs []*G.Node) error {
	if len(inputs) < 2 {
		return fmt.Errorf("%s: got %d inputs, want at least 2", name, len(inputs))
	}
	return nil
}
