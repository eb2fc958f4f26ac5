package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// PadChannels adds channels of zeros before and after those of x (N, C, H, W): the shortcut without
// parameters of He et al. 2015, option A. The result is (N, before+C+after, H, W).
func PadChannels(x *G.Node, before, after int) (*G.Node, error) {
	return apply("PadChannels", padChannels[float32](before, after), padChannels[float64](before, after), x)
}

// maxChannels bounds the channels that a graph from an untrusted file can ask for.
const maxChannels = 1 << 20

// padChannels: y[n,before+c] = x[n,c] and 0 elsewhere, so dx[n,c] = dy[n,before+c].
func padChannels[T kernel.Float](before, after int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if before < 0 || after < 0 || before > maxChannels || after > maxChannels {
			return rule[T]{}, fmt.Errorf(
				"got %d channels before and %d after, want 0 to %d", before, after, maxChannels,
			)
		}
		plane := planeSize(x)
		y := withChannels(x, before+x[1]+after)
		inside := kernel.NewCopy[T](x[0], x[1]*plane, every(x[1]*plane, 0), every(y[1]*plane, before*plane))
		back := inside.Reversed()
		return rule[T]{
			attributes: fmt.Sprintf("%d before, %d after", before, after),
			output:     y,
			forward:    func(in [][]T, y []T) { clear(y); inside.Run(in[0], y) },
			vjps: []vjp[T]{transposed(x, y,
				func(v, out []T) { clear(out); inside.Run(v, out) }, back.Run)},
		}, nil
	}
}
