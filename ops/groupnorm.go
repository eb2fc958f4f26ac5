package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// GroupNorm is group normalization (Wu and He 2018) of x (N, C, H, W) or (N, C): each sample's
// channels are divided into groups of consecutive channels, and each group is normalized by its own
// mean and biased variance; then each channel is multiplied by weight (C), and bias (C) is added.
// With groups = C it is instance normalization (Ulyanov, Vedaldi and Lempitsky 2016).
func GroupNorm(x, weight, bias *G.Node, groups int, eps float64) (*G.Node, error) {
	return apply("GroupNorm", groupNorm[float32](groups, eps), groupNorm[float64](groups, eps), x, weight, bias)
}

// groupNorm is a normRule whose sets are the groups of each sample: M = C/groups·H·W.
func groupNorm[T kernel.Float](groups int, eps float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := checkNorm(in, eps); err != nil {
			return rule[T]{}, err
		}
		if channels := in[0][1]; groups < 1 || channels%groups != 0 {
			return rule[T]{}, fmt.Errorf("groups: got %d, want a number that divides the %d channels", groups, channels)
		}
		x, attributes := in[0], fmt.Sprintf("groups %d, eps %g", groups, eps)
		return normRule(x, groupSets(x, groups), eps, attributes, groupKernel[T](x, groups, eps)), nil
	}
}

func groupKernel[T kernel.Float](x tensor.Shape, groups int, eps float64) func() normalizer[T] {
	return sync.OnceValue(func() normalizer[T] {
		return kernel.NewNorm[T](kernel.NormShape{
			Batch: x[0], Channels: x[1], Plane: planeOf(x), Groups: groups, Eps: eps,
		})
	})
}
