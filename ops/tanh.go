package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Tanh is the hyperbolic tangent, element by element on any shape.
func Tanh(x *G.Node) (*G.Node, error) { return ScaledTanh(x, 1, 1) }

// ScaledTanh is y = a·tanh(b·x), element by element on any shape. LeCun et al. 1998 (appendix A) take a = 1.7159, b = 2/3, so that
// f(±1) = ±1.
func ScaledTanh(x *G.Node, a, b float64) (*G.Node, error) {
	return apply("Tanh", scaledTanh[float32](a, b), scaledTanh[float64](a, b), x)
}

// scaledTanh: with t = tanh(b·x) = y/a, dy/dx = a·b·(1-t²) = b·(a - y²/a), so dx = dy·b·(a - y²/a).
func scaledTanh[T kernel.Float](a, b float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if T(a) == 0 || !finite(a, b) {
			return rule[T]{}, fmt.Errorf("a is %g, b %g: want finite numbers, and an a that isn't 0", a, b)
		}
		attributes := ""
		if a != 1 || b != 1 {
			attributes = fmt.Sprintf("a %.5g, b %.5g", a, b)
		}
		return rule[T]{
			attributes: attributes,
			output:     in[0],
			inPlace:    true,
			forward:    func(in [][]T, y []T) error { kernel.Tanh(T(a), T(b), in[0], y); return nil },
			vjps: []vjp[T]{{
				reads:   []operand{result},
				inPlace: true,
				apply:   func(saved [][]T, dy, dx []T) error { kernel.TanhBackward(T(a), T(b), saved[0], dy, dx); return nil },
			}},
		}, nil
	}
}
