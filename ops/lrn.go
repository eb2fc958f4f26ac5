package ops

import (
	"fmt"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Norm holds the constants of local response normalisation.
type Norm struct {
	Size  int     // n, the number of neighbouring channels in the sum
	K     float64 // k
	Alpha float64 // α, of the plain sum: PyTorch, Caffe and ONNX divide theirs by n, so theirs is n times this one
	Beta  float64 // β
}

// AlexNetNorm are the constants of Krizhevsky et al. 2012, section 3.3.
var AlexNetNorm = Norm{Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75}

// LRN is local response normalisation across channels (Krizhevsky et al. 2012, section 3.3) of x (N, C, H, W): each value divided by
// (k + α·Σ squares of its Size neighbouring channels at the same place)^β.
func LRN(x *G.Node, n Norm) (*G.Node, error) {
	return apply("LRN", lrn[float32](n), lrn[float64](n), x)
}

// lrn: with s[c] = k + α·Σ(j in N(c)) x[j]², N(c) the channels from c-⌊n/2⌋ to c+⌊(n-1)/2⌋ that exist, y[c] = x[c]·s[c]^-β. x[c] stands
// in its own numerator and in the sums of all j with c in N(j), so
//
//	dx[c] = dy[c]·s[c]^-β - 2αβ·x[c] · Σ(j: c in N(j)) dy[j]·x[j]·s[j]^(-β-1)
//	      = dy[c]·s[c]^-β - 2αβ·x[c] · Σ(j: c in N(j)) dy[j]·y[j]/s[j]
//
// y is x's function, so dx is one of x and dy alone. Let W·a be the sum of a over N(c), Wᵀ·a the one
// over the j with c in N(j), and p = s^(-β-1). With u for dx,
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
			return rule[T]{}, fmt.Errorf("size %d, k %g, alpha %g, beta %g: want a size of at least 1, k above 0, alpha of at least 0, all finite",
				n.Size, n.K, n.Alpha, n.Beta)
		}
		k := kernel.NewLRN[T](kernel.LRNShape{
			Batch: x[0], Channels: x[1], Plane: x[2] * x[3], Size: n.Size, K: n.K, Alpha: n.Alpha, Beta: n.Beta,
		})
		return rule[T]{
			attributes: fmt.Sprintf("n %d, k %g, α %g, β %g", n.Size, n.K, n.Alpha, n.Beta),
			output:     x,
			forward:    func(in [][]T, y []T) error { k.Forward(in[0], y); return nil },
			vjps: []vjp[T]{{
				reads:   []operand{0, result},
				inPlace: true,
				apply:   func(saved [][]T, dy, dx []T) error { k.Backward(saved[0], saved[1], dy, dx); return nil },
				second:  lrnSecond[T](n, x),
			}},
		}, nil
	}
}

func lrnSecond[T kernel.Float](n Norm, x tensor.Shape) second {
	k := sync.OnceValue(func() *lrnBends { return newLRNBends(n, x[1]) })
	return second{
		transposed: func(a around) (*G.Node, error) {
			return bent("LRN", x, func(in [][]T, out []T) error {
				b := k()
				eachRow(x, func(first, step int) {
					load(b.x, in[0], first, step)
					load(b.u, in[1], first, step)
					store(out, first, step, b.transposed())
				})
				return nil
			}, a.saved[0], a.u)
		},
		bends: []bend{{0, func(a around) (*G.Node, error) {
			return bent("LRN", x, func(in [][]T, out []T) error {
				b := k()
				eachRow(x, func(first, step int) {
					load(b.x, in[0], first, step)
					load(b.dy, in[1], first, step)
					load(b.u, in[2], first, step)
					store(out, first, step, b.bend())
				})
				return nil
			}, a.saved[0], a.dout, a.u)
		}}},
	}
}

// load copies the channels of one place, store puts them there.
func load[T kernel.Float](to []float64, from []T, first, step int) {
	for c := range to {
		to[c] = float64(from[first+c*step])
	}
}

func store[T kernel.Float](to []T, first, step int, from []float64) {
	for c, v := range from {
		to[first+c*step] = T(v)
	}
}

// lrnBends are the derivatives of dx at one place, with the names of lrn's derivation.
type lrnBends struct {
	Norm
	x, dy, u     []float64
	s, p, wu, ds []float64 // wu is W(u·x)
	terms, sums  []float64
	out          []float64
}

func newLRNBends(n Norm, channels int) *lrnBends {
	b := &lrnBends{Norm: n}
	for _, v := range []*[]float64{&b.x, &b.dy, &b.u, &b.s, &b.p, &b.wu, &b.ds, &b.terms, &b.sums, &b.out} {
		*v = make([]float64, channels)
	}
	return b
}

// windows sets sums[c] to the sum of term over the channels from c-before to c+behind.
func (b *lrnBends) windows(sums []float64, before, behind int, term func(c int) float64) {
	for c := range b.terms {
		b.terms[c] = term(c)
	}
	for c := range sums {
		sums[c] = 0
		for j := max(0, c-before); j <= min(len(sums)-1, c+behind); j++ {
			sums[c] += b.terms[j]
		}
	}
}

// over is W, under is Wᵀ.
func (b *lrnBends) over(sums []float64, term func(c int) float64) {
	b.windows(sums, b.Size/2, (b.Size-1)/2, term)
}

func (b *lrnBends) under(sums []float64, term func(c int) float64) {
	b.windows(sums, (b.Size-1)/2, b.Size/2, term)
}

// prepare computes s, p and W(u·x).
func (b *lrnBends) prepare() {
	b.over(b.s, func(c int) float64 { return b.x[c] * b.x[c] })
	for c, squares := range b.s {
		b.s[c] = b.K + b.Alpha*squares
		b.p[c] = math.Pow(b.s[c], -b.Beta-1)
	}
	b.over(b.wu, func(c int) float64 { return b.u[c] * b.x[c] })
}

func (b *lrnBends) transposed() []float64 {
	b.prepare()
	for c, x := range b.x {
		b.out[c] = b.p[c] * (b.u[c]*b.s[c] - 2*b.Alpha*b.Beta*x*b.wu[c])
	}
	return b.out
}

func (b *lrnBends) bend() []float64 {
	b.prepare()
	for c, x := range b.x {
		b.ds[c] = b.Beta * b.dy[c] * b.p[c] * (2*b.Alpha*(b.Beta+1)*b.wu[c]*x/b.s[c] - b.u[c])
	}
	b.under(b.sums, func(c int) float64 { return b.ds[c] })
	for c, x := range b.x {
		b.out[c] = 2 * b.Alpha * (x*b.sums[c] - b.Beta*b.dy[c]*b.p[c]*b.wu[c])
	}
	b.under(b.sums, func(c int) float64 { return b.dy[c] * b.x[c] * b.p[c] })
	for c, u := range b.u {
		b.out[c] -= 2 * b.Alpha * b.Beta * u * b.sums[c]
	}
	return b.out
}
