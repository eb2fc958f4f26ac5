package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Subtract is a - b, element by element, of tensors of one shape.
func Subtract(a, b *G.Node) (*G.Node, error) {
	return apply("Subtract", subtract[float32], subtract[float64], a, b)
}

// Divide is a / b, element by element, of tensors of one shape.
func Divide(a, b *G.Node) (*G.Node, error) {
	return apply("Divide", divide[float32], divide[float64], a, b)
}

// Maximum is the larger of a and b, element by element, of tensors of one shape. Where they are
// equal each takes half of the gradient.
func Maximum(a, b *G.Node) (*G.Node, error) {
	return apply("Maximum", maximum[float32], maximum[float64], a, b)
}

// Minimum is the smaller of a and b, element by element, of tensors of one shape. Where they are
// equal each takes half of the gradient.
func Minimum(a, b *G.Node) (*G.Node, error) {
	return apply("Minimum", minimum[float32], minimum[float64], a, b)
}

// subtract: y = a - b, so da = dy and db = -dy.
func subtract[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	return pairwise(in, func(a, b T) T { return a - b },
		unchanged[T](in[0], in[0]),
		multiplied(in[0], func(dy, db []T) {
			for i, d := range dy {
				db[i] = -d
			}
		}))
}

// divide: y = a/b, so da = dy/b and db = -dy·a/b². With u for da,
//
//	⟨u, da⟩ = Σ u·dy/b       d(dy) = u/b         d(b) = -u·dy/b²
//
// and with u for db,
//
//	⟨u, db⟩ = -Σ u·dy·a/b²   d(dy) = -u·a/b²     d(a) = -u·dy/b²     d(b) = 2·u·dy·a/b³
func divide[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	da := vjp[T]{
		reads: []operand{1}, inPlace: true,
		apply: func(in [][]T, _, dy, da []T) {
			for i, b := range in[1] {
				da[i] = dy[i] / b
			}
		},
		second: second{
			transposed: func(n around) (*G.Node, error) { return Divide(n.u, n.in[1]) },
			bends:      []bend{{1, func(n around) (*G.Node, error) { return minusOverSquare(n.u, n.dy, n.in[1]) }}},
		},
	}
	db := pairGradient(func(a, b, dy T) T { return -dy * a / b / b })
	db.second = second{
		transposed: func(n around) (*G.Node, error) { return minusOverSquare(n.u, n.in[0], n.in[1]) },
		bends: []bend{
			{0, func(n around) (*G.Node, error) { return minusOverSquare(n.u, n.dy, n.in[1]) }},
			{1, func(n around) (*G.Node, error) {
				var c composer
				square := c.node(minusOverSquare(n.u, c.multiply(n.dy, n.in[0]), n.in[1]))
				return c.scale(c.divide(square, n.in[1]), -2), c.err
			}},
		},
	}
	return pairwise(in, func(a, b T) T { return a / b }, da, db)
}

// minusOverSquare adds -p·q/b².
func minusOverSquare(p, q, b *G.Node) (*G.Node, error) {
	var c composer
	return c.scale(c.divide(c.divide(c.multiply(p, q), b), b), -1), c.err
}

// maximum: ∂y/∂a is 1 where a > b, 1/2 where a = b, else 0, and ∂y/∂b the other way round.
func maximum[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	return pairwise(in, func(a, b T) T { return max(a, b) },
		choice(in[0], func(a, b, dy T) T { return share(a > b, a == b, dy) }),
		choice(in[0], func(a, b, dy T) T { return share(b > a, a == b, dy) }))
}

// minimum: ∂y/∂a is 1 where a < b, 1/2 where a = b, else 0, and ∂y/∂b the other way round.
func minimum[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	return pairwise(in, func(a, b T) T { return min(a, b) },
		choice(in[0], func(a, b, dy T) T { return share(a < b, a == b, dy) }),
		choice(in[0], func(a, b, dy T) T { return share(b < a, a == b, dy) }))
}

// choice is a pairGradient f·dy whose factor f is constant except at kinks.
func choice[T kernel.Float](shape tensor.Shape, of func(a, b, dy T) T) vjp[T] {
	return pairGradient(of).symmetric(shape)
}

// share returns the part of a gradient that goes to a winner, or to one of two equals.
func share[T kernel.Float](wins, equal bool, dy T) T {
	switch {
	case wins:
		return dy
	case equal:
		return dy / 2
	}
	return 0
}

func pairwise[T kernel.Float](in []tensor.Shape, f func(a, b T) T, da, db vjp[T]) (rule[T], error) {
	if !slices.Equal(in[0], in[1]) {
		return rule[T]{}, fmt.Errorf("inputs: got shapes %v and %v, want one shape", in[0], in[1])
	}
	return rule[T]{
		output:      in[0],
		inPlace:     true,
		alsoInPlace: []int{1},
		forward: func(in [][]T, y []T) {
			a, b := in[0], in[1]
			for i := range y {
				y[i] = f(a[i], b[i])
			}
		},
		vjps: []vjp[T]{da, db},
	}, nil
}

func pairGradient[T kernel.Float](f func(a, b, dy T) T) vjp[T] {
	return vjp[T]{reads: []operand{0, 1}, inPlace: true, apply: func(in [][]T, _, dy, d []T) {
		a, b := in[0], in[1]
		for i, g := range dy {
			d[i] = f(a[i], b[i], g)
		}
	}}
}
