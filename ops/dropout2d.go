package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Dropout2D sets each channel of each image to 0 with probability rate and divides the others by
// 1-rate (Tompson et al. 2015, "SpatialDropout"). x is (N, C, H, W). A graph for prediction leaves
// the op out.
func Dropout2D(x *G.Node, rate float64, rng *RNG) (*G.Node, error) {
	key, err := rngKey("Dropout2D", rng)
	if err != nil {
		return nil, err
	}
	return apply("Dropout2D", dropChannels[float32](rate, key), dropChannels[float64](rate, key), x)
}

func dropChannels[T kernel.Float](rate float64, key func() uint64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := checkImages(in[0]); err != nil {
			return rule[T]{}, err
		}
		return dropRows[T](in[0], in[0][0]*in[0][1], rate, key)
	}
}

// dropRows: y = x·m with one factor m[r] in {0, 1/(1-rate)} for each row r of x, so dx = dy·m. The
// factors are a function of seed, op, step and row, so the gradient computes them again.
func dropRows[T kernel.Float](x tensor.Shape, rows int, rate float64, key func() uint64) (rule[T], error) {
	if err := checkRate(rate); err != nil {
		return rule[T]{}, err
	}
	length := x.TotalSize() / rows
	factors := sync.OnceValue(func() []T { return make([]T, rows) })
	var part *Part
	drop := func(in, y []T) {
		m := factors()
		for r := range m {
			m[r] = 1
		}
		kernel.Dropout(m, m, rate, key(), part.First()*rows/x[0])
		kernel.ScaleRows(rows, length, in, m, y)
	}
	return rule[T]{
		attributes: fmt.Sprintf("rate %g", rate),
		output:     x,
		inPlace:    true,
		split:      splits(func(p *Part) { part = p }),
		forward:    func(in [][]T, y []T) { drop(in[0], y) },
		vjps:       []vjp[T]{multiplied(x, drop)},
	}, nil
}
