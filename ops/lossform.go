package ops

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ofLoss completes the gradient dx = dL·r of a loss L, where r = ∂L/∂x and dL is the incoming
// gradient. With H the derivative of r, a symmetric matrix, and u for dx,
//
//	⟨u, dx⟩ = dL·⟨u, r⟩
//	d(dL)   = ⟨u, r⟩
//	d(x)    = dL·H·u
//
// x is input 0. bent overwrites out with dL·H·u; it gets the operands that H reads. Its op comes
// after the gradient's other operands, because gorgonia refuses a function that leaves one out.
func (v vjp[T]) ofLoss(x tensor.Shape, reads []operand, bent func(in [][]T, dL T, u, out []T)) vjp[T] {
	v.second = second{
		transposed: func(n around) (*G.Node, error) {
			at := operands[[]T]{in: make([][]T, len(n.in))}
			r, one := make([]T, 0), []T{1}
			return bentAfter(n.name, tensor.ScalarShape(), func(in [][]T, out []T) {
				u := in[0]
				r = append(r[:0], u...)
				at.set(v.reads, in[1:])
				v.apply(at.in, at.y, one, r)
				var sum float64
				for i := range u {
					sum += float64(u[i]) * float64(r[i])
				}
				out[0] = T(sum)
			}, n.after, append(G.Nodes{n.u}, n.get(v.reads)...)...)
		},
		bends: []bend{{0, func(n around) (*G.Node, error) {
			at, others := operands[[]T]{in: make([][]T, len(n.in))}, slices.Clone(v.reads)
			others = slices.DeleteFunc(others, func(o operand) bool { return slices.Contains(reads, o) })
			return bentAfter(n.name, x, func(in [][]T, out []T) {
				at.set(reads, in[2:])
				bent(at.in, in[1][0], in[0], out)
			}, append(n.get(others), n.after...), append(G.Nodes{n.u, n.dy}, n.get(reads)...)...)
		}}},
	}
	return v
}
