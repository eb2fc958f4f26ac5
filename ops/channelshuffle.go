package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// ChannelShuffle mixes the channels of groups (Zhang et al. 2018, "ShuffleNet", section 3.1): it
// views the channels of x, (N, C, H, W) or (N, C), as a table with a row for each group and
// transposes it. The first channels of all groups come first, then the second ones, …
func ChannelShuffle(x *G.Node, groups int) (*G.Node, error) {
	return apply("ChannelShuffle", shuffle[float32](groups), shuffle[float64](groups), x)
}

// shuffle: with m channels a group, y[n, j·groups + i] = x[n, i·m + j], so dx[n, i·m + j] = dy[n,
// j·groups + i].
func shuffle[T kernel.Float](groups int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkChannels("input", x); err != nil {
			return rule[T]{}, err
		}
		channels, plane := x[1], planeSize(x)
		if groups < 1 || channels%groups != 0 {
			return rule[T]{}, fmt.Errorf(
				"groups: got %d, want a divisor of the %d channels of input %v", groups, channels, x,
			)
		}
		from := func(i int) int {
			n, c := i/channels, i%channels
			return (n*channels + c%groups*(channels/groups) + c/groups) * plane
		}
		mix := kernel.NewCopy[T](x[0]*channels, plane, from, every(plane, 0))
		back := mix.Reversed()
		return rule[T]{
			attributes: fmt.Sprintf("groups %d", groups),
			output:     x,
			forward:    func(in [][]T, y []T) { mix.Run(in[0], y) },
			vjps:       []vjp[T]{transposed(x, x, mix.Run, back.Run)},
		}, nil
	}
}
