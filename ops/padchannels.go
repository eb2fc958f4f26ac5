package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// PadChannels adds channels of zeros before and behind those of x (N, C, H, W): the shortcut without
// parameters of He et al. 2015, option A. The result is (N, before+C+behind, H, W).
func PadChannels(x *G.Node, before, behind int) (*G.Node, error) {
	return apply("PadChannels", padChannels[float32](before, behind), padChannels[float64](before, behind), x)
}

// maxChannels bounds what PadChannels adds: a graph may be anybody's.
const maxChannels = 1 << 20

// padChannels: y[n,before+c] = x[n,c] and 0 elsewhere, so dx[n,c] = dy[n,before+c].
func padChannels[T kernel.Float](before, behind int) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if before < 0 || behind < 0 || before > maxChannels || behind > maxChannels {
			return rule[T]{}, fmt.Errorf("%d channels before and %d behind: want 0 to %d", before, behind, maxChannels)
		}
		plane := planeSize(x)
		y := withChannels(x, before+x[1]+behind)
		inside := kernel.NewCopy[T](x[0], x[1]*plane, every(x[1]*plane, 0), every(y[1]*plane, before*plane))
		back := inside.Reversed()
		return rule[T]{
			attributes: fmt.Sprintf("%d before, %d behind", before, behind),
			output:     y,
			forward:    func(in [][]T, y []T) error { clear(y); inside.Run(in[0], y); return nil },
			vjps: []vjp[T]{transposed("PadChannels", x, y,
				func(v, out []T) { clear(out); inside.Run(v, out) }, back.Run)},
		}, nil
	}
}
