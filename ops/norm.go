package ops

import (
	"fmt"
	"sync"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// normalizer is a kernel that normalizes x by the mean and the variance of sets of its values.
// BackwardWeights must run before the other backward functions: it stores the sums that they use.
type normalizer[T kernel.Float] interface {
	Forward(x, weight, bias, y []T)
	BackwardWeights(x, dy, dweight []T)
	BackwardBias(dbias []T)
	BackwardData(x, weight, dy, dx []T)
	Split(*Part)
}

// normRule: y = w[c]·h + b[c] with h = (x - m)·r, r = 1/√(v + eps), m and v the mean and the biased
// variance of the set of M values that x belongs to. The sums of dw and db are over all values of
// channel c, all others over the set:
//
//	dw[c] = Σ dy·h
//	db[c] = Σ dy
//	dm    = -r·Σ w·dy                         (Σ(x - m) = 0, so v adds nothing)
//	dv    = -r³/2·Σ w·dy·(x - m)
//	dx    = r·w·dy + dv·2(x - m)/M + dm/M
//	      = r·(w·dy - Σ(w·dy)/M - h·Σ(w·dy·h)/M)
//
// The kernel keeps m and r from the forward pass. dx needs no other sums than those of dw and db,
// so dx comes after dw, and db is a side output of dw. A second differentiation of the same node
// has sums of its own. The gradients of the gradients are made of the ops in normsecond.go.
func normRule[T kernel.Float](
	x tensor.Shape, sets normSets, eps float64, attributes string, k func() normalizer[T],
) rule[T] {
	return rule[T]{
		attributes: attributes,
		output:     x,
		inPlace:    true,
		split:      splits(func(p *Part) { k().Split(p) }),
		forward:    func(in [][]T, y []T) { k().Forward(in[0], in[1], in[2], y) },
		vjps:       normVJPs(x, sets, eps, k),
		again: func() []vjp[T] {
			return normVJPs(x, sets, eps, sync.OnceValue(func() normalizer[T] { return twin(k()) }))
		},
	}
}

// twin returns a kernel that shares k's statistics and has sums of its own.
func twin[T kernel.Float](k normalizer[T]) normalizer[T] {
	switch k := k.(type) {
	case *kernel.Norm[T]:
		return k.Twin()
	case *kernel.ChannelNorm[T]:
		return k.Twin()
	}
	panic(fmt.Sprintf("unreachable: %T", k))
}

func normVJPs[T kernel.Float](x tensor.Shape, sets normSets, eps float64, k func() normalizer[T]) []vjp[T] {
	n := normSecond[T]{x: x, sets: sets, eps: eps}
	dx := vjp[T]{
		reads: []operand{0, 1}, after: []operand{gradientOf(1)}, inPlace: true,
		apply:  func(in [][]T, _, dy, dx []T) { k().BackwardData(in[0], in[1], dy, dx) },
		second: n.ofData(),
	}
	dw := vjp[T]{
		reads: []operand{0}, after: []operand{result},
		apply:  func(in [][]T, _, dy, dw []T) { k().BackwardWeights(in[0], dy, dw) },
		second: n.ofWeight(),
	}
	db := vjp[T]{
		after: []operand{gradientOf(1)}, sideOutput: true,
		apply:  func(_ [][]T, _, _, db []T) { k().BackwardBias(db) },
		second: biasSecond[T](x),
	}
	return []vjp[T]{dx, dw, db}
}

// checkNorm checks the operands of a normalization, x first: (N, C, H, W) or (N, C), and then
// vectors with one number for each channel.
func checkNorm(in []tensor.Shape, eps float64) error {
	x := in[0]
	if x.Dims() != 4 && x.Dims() != 2 || x.TotalSize() == 0 {
		return fmt.Errorf("input: got shape %v, want (N, C, H, W) or (N, C)", x)
	}
	for i, s := range in[1:] {
		if s.Dims() != 1 || s[0] != x[1] {
			name := [...]string{"weight", "bias", "mean", "variance"}[i]
			return fmt.Errorf("%s: got shape %v, want (%d), one for each channel", name, s, x[1])
		}
	}
	if !(eps > 0) || !finite(eps) {
		return fmt.Errorf("eps: got %g, want a finite number above 0", eps)
	}
	return nil
}

// planeOf is the number of values of one channel of one sample.
func planeOf(x tensor.Shape) int { return features(x) / x[1] }
