package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Scale is y = factor·x with a constant factor, on any shape.
func Scale(x *G.Node, factor float64) (*G.Node, error) {
	return apply("Scale", scale[float32](factor), scale[float64](factor), x)
}

// scale: dx = factor·dy.
func scale[T kernel.Float](factor float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if !finite(factor) {
			return rule[T]{}, fmt.Errorf("factor: got %g, want a finite number", factor)
		}
		multiply := func(x, y []T) { kernel.Normalize(1, 1, len(x), x, nil, []T{T(factor)}, y) }
		return rule[T]{
			attributes: fmt.Sprintf("%g", factor),
			output:     in[0],
			inPlace:    true,
			forward:    func(in [][]T, y []T) { multiply(in[0], y) },
			vjps:       []vjp[T]{multiplied(in[0], multiply)},
		}, nil
	}
}
