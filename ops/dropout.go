package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/splitmix"
)

// RNG is where the random ops of one training graph get their randomness: the run's seed and the number of the step. Whoever runs the
// graph sets Step before each run; the same seed and step give the same masks on every machine, so a resumed run goes on as it would have.
type RNG struct {
	Seed uint64
	Step uint64
	ops  uint64
}

// key tells the random ops of a graph apart; it is called once by each, in building order.
func (n *RNG) key() (at func() uint64) {
	op := n.ops
	n.ops++
	return func() uint64 { return splitmix.Mix(splitmix.Mix(splitmix.Mix(n.Seed)+op) + n.Step) }
}

// rngKey is the key of a random op of the given name.
func rngKey(name string, rng *RNG) (func() uint64, error) {
	if rng == nil {
		return nil, fmt.Errorf("%s: rng is nil: want the seed and the step of the run", name)
	}
	return rng.key(), nil
}

// Dropout sets each value to 0 with probability rate and divides the others by 1-rate (inverted dropout: nothing is to be scaled when
// predicting, where the op is left out of the graph). x may have any shape.
func Dropout(x *G.Node, rate float64, rng *RNG) (*G.Node, error) {
	key, err := rngKey("Dropout", rng)
	if err != nil {
		return nil, err
	}
	return apply("Dropout", dropout[float32](rate, key), dropout[float64](rate, key), x)
}

// dropout: y = x·m with the mask m in {0, 1/(1-rate)}, so dx = dy·m. The mask is a function of (seed, op, step, place), made again for
// the gradient instead of being kept.
func dropout[T kernel.Float](rate float64, key func() uint64) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		if err := checkRate(rate); err != nil {
			return rule[T]{}, err
		}
		var part *Part
		drop := func(x, y []T) { kernel.Dropout(x, y, rate, key(), part.First()*len(x)/samples(in[0])) }
		return rule[T]{
			attributes: fmt.Sprintf("rate %g", rate),
			output:     in[0],
			inPlace:    true,
			split:      splits(func(p *Part) { part = p }),
			forward:    func(in [][]T, y []T) error { drop(in[0], y); return nil },
			vjps:       []vjp[T]{multiplied("Dropout", in[0], drop)},
		}, nil
	}
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate < 1) {
		return fmt.Errorf("rate is %g: want at least 0 and less than 1", rate)
	}
	return nil
}
