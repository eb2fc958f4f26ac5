package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Norm holds the constants of local response normalization.
type Norm struct {
	Size  int     // n, the number of neighboring channels in the sum
	K     float64 // k
	Alpha float64 // α, a factor of the plain sum; PyTorch, Caffe and ONNX divide by n: theirs is n·α
	Beta  float64 // β
}

// AlexNetNorm are the constants of Krizhevsky et al. 2012, section 3.3.
var AlexNetNorm = Norm{Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75}

// LRN is local response normalization across channels (Krizhevsky et al. 2012, section 3.3) of x
// (N, C, H, W): each value is divided by (k + α·Σ squares of the pixel's Size neighboring
// channels)^β.
func LRN(x *G.Node, n Norm) (*G.Node, error) {
	return apply("LRN", lrn[float32](n), lrn[float64](n), x)
}

// lrn: let s[c] = k + α·Σ(j in N(c)) x[j]², N(c) the channels from c-⌊n/2⌋ to c+⌊(n-1)/2⌋ that
// exist. Then y[c] = x[c]·s[c]^-β. x[c] is in its own numerator and in the sums s[j] of all j with
// c in N(j), so
//
//	dx[c] = dy[c]·s[c]^-β - 2αβ·x[c] · Σ(j: c in N(j)) dy[j]·x[j]·s[j]^(-β-1)
//	      = dy[c]·s[c]^-β - 2αβ·x[c] · Σ(j: c in N(j)) dy[j]·y[j]/s[j]
//
// Because y depends on x alone, dx is a function of x and dy. Let W(a) be the sum of a over N(c),
// Wᵀ(a) the sum over the j with c in N(j), and p = s^(-β-1). With u for dx,
//
//	⟨u, dx⟩ = Σ u·dy·s^-β - 2αβ·Σ W(u·x)·dy·x·p
//	d(dy)   = u·s^-β - 2αβ·x·p·W(u·x)
//	d(s)    = -β·u·dy·p + 2αβ·(β+1)·W(u·x)·dy·x·p/s        ∂s[c]/∂x[j] = 2α·x[j] for j in N(c)
//	d(x)    = 2α·x·Wᵀ(d(s)) - 2αβ·(u·Wᵀ(dy·x·p) + dy·p·W(u·x))
func lrn[T kernel.Float](n Norm) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if n.Size < 1 || !(n.K > 0) || !(n.Alpha >= 0) || !finite(n.K, n.Alpha, n.Beta) {
			return rule[T]{}, fmt.Errorf(
				"constants: got size %d, k %g, alpha %g, beta %g, "+
					"want size at least 1, k above 0, alpha at least 0, all finite",
				n.Size, n.K, n.Alpha, n.Beta,
			)
		}
		shape := kernel.LRNShape{
			Batch: x[0], Channels: x[1], Plane: x[2] * x[3], Size: n.Size, K: n.K, Alpha: n.Alpha, Beta: n.Beta,
		}
		k := kernel.NewLRN[T](shape)
		return rule[T]{
			attributes: fmt.Sprintf("n %d, k %g, α %g, β %g", n.Size, n.K, n.Alpha, n.Beta),
			output:     x,
			forward:    func(in [][]T, y []T) { k.Forward(in[0], y) },
			vjps: []vjp[T]{{
				reads:   []operand{0, result},
				inPlace: true,
				apply:   func(in [][]T, y, dy, dx []T) { k.Backward(in[0], y, dy, dx) },
				second:  lrnSecond[T](x, shape),
			}},
		}, nil
	}
}

// lrnSecond is the rule of dx, which reads x and y.
func lrnSecond[T kernel.Float](x tensor.Shape, shape kernel.LRNShape) second {
	k := sync.OnceValue(func() *kernel.LRNSecond[T] { return kernel.NewLRNSecond[T](shape) })
	return second{
		transposed: func(n around) (*G.Node, error) {
			return bent(n.name, x, func(in [][]T, out []T) { k().Tangent(in[0], in[1], out) }, n.in[0], n.u)
		},
		bends: []bend{{0, func(n around) (*G.Node, error) {
			return bent(n.name, x, func(in [][]T, out []T) { k().Bend(in[0], in[1], in[2], out) }, n.in[0], n.dy, n.u)
		}}},
	}
}
