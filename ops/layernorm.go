package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// LayerNorm is layer normalization (Ba, Kiros and Hinton 2016) over the features of x (N, F), or
// over the channels of each pixel of x (N, C, H, W), as in ConvNeXt (Liu et al. 2022). The values
// of a sample, or of a pixel, are normalized by their mean and biased variance; then each feature
// is multiplied by its own weight, and its own bias is added.
func LayerNorm(x, weight, bias *G.Node, eps float64) (*G.Node, error) {
	return apply("LayerNorm", layerNorm[float32](eps), layerNorm[float64](eps), x, weight, bias)
}

// layerNorm is a normRule whose sets are the samples, M = F, or the pixels of each sample, M = C.
func layerNorm[T kernel.Float](eps float64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := checkNorm(in, eps); err != nil {
			return rule[T]{}, err
		}
		x := in[0]
		k := groupKernel[T](x, 1, eps) // without a plane, a sample is one group
		if planeOf(x) > 1 {
			k = sync.OnceValue(func() normalizer[T] {
				return kernel.NewChannelNorm[T](kernel.ChannelNormShape{
					Batch: x[0], Channels: x[1], Plane: planeOf(x), Eps: eps,
				})
			})
		}
		return normRule(x, pixelSets(x), eps, fmt.Sprintf("eps %g", eps), k), nil
	}
}
