package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// StochasticDepth sets each sample of a batch to 0 with probability rate and divides the others by
// 1-rate. After a residual branch it trains networks of random depth (Huang et al. 2016; the
// division is that of torchvision's "row" mode). x is (N, …). A graph for prediction leaves the op
// out.
func StochasticDepth(x *G.Node, rate float64, rng *RNG) (*G.Node, error) {
	key, err := rngKey("StochasticDepth", rng)
	if err != nil {
		return nil, err
	}
	return apply("StochasticDepth", dropSamples[float32](rate, key), dropSamples[float64](rate, key), x)
}

func dropSamples[T kernel.Float](rate float64, key func() uint64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if in[0].Dims() < 1 || in[0].TotalSize() == 0 {
			return rule[T]{}, fmt.Errorf("input: got shape %v, want a batch (N, …)", in[0])
		}
		return dropRows[T](in[0], in[0][0], rate, key)
	}
}
