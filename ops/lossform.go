package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// A lossGradient is the gradient dx = dL·r of a loss L, where r = ∂L/∂x and dL is the incoming
// gradient. With H the derivative of r, a symmetric matrix, and u for dx,
//
//	⟨u, dx⟩ = dL·⟨u, r⟩
//	d(dL)   = ⟨u, r⟩
//	d(x)    = dL·H·u
type lossGradient[T kernel.Float] struct {
	name  string
	x     tensor.Shape
	slope func(saved [][]T, scale T, out []T)    // scale·r
	bend  func(saved [][]T, scale T, v, out []T) // scale·H·v
}

// second is the rule of the gradient. child is x's index among the children of the gradient's node.
func (l lossGradient[T]) second(child int) second {
	r := make([]T, 0)
	return second{
		transposed: func(n around) (*G.Node, error) {
			return bentAfter(l.name, tensor.ScalarShape(), func(in [][]T, out []T) error {
				r = append(r[:0], in[0]...)
				l.slope(in[1:], 1, r)
				var sum float64
				for i, v := range in[0] {
					sum += float64(v) * float64(r[i])
				}
				out[0] = T(sum)
				return nil
			}, n.after, append(G.Nodes{n.u}, n.saved...)...)
		},
		bends: []bend{{child, func(n around) (*G.Node, error) {
			return bentAfter(l.name, l.x, func(in [][]T, out []T) error {
				l.bend(in[2:], in[1][0], in[0], out)
				return nil
			}, n.after, append(G.Nodes{n.u, n.dout}, n.saved...)...)
		}}},
	}
}
