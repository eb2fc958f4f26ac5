package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/splitmix"
)

// RNG is the source of randomness of a training graph: the run's seed and the number of the step.
// Set Step before each run of the graph. The same seed and step give the same masks on every
// machine, so a resumed run gives the same results.
type RNG struct {
	Seed uint64
	Step uint64
	ops  uint64
}

// key returns a function for one random op. Its values differ by op, in the order of building, and
// by step.
func (n *RNG) key() (at func() uint64) {
	op := n.ops
	n.ops++
	return func() uint64 { return splitmix.Mix(splitmix.Mix(splitmix.Mix(n.Seed)+op) + n.Step) }
}

// rngKey is rng's key for the op called name.
func rngKey(name string, rng *RNG) (func() uint64, error) {
	if rng == nil {
		return nil, fmt.Errorf("%s: rng: got nil, want a seed and a step", name)
	}
	return rng.key(), nil
}

// Dropout sets each value to 0 with probability rate and divides the others by 1-rate. x may have
// any shape. This is inverted dropout: a graph for prediction leaves the op out and scales nothing.
func Dropout(x *G.Node, rate float64, rng *RNG) (*G.Node, error) {
	key, err := rngKey("Dropout", rng)
	if err != nil {
		return nil, err
	}
	return apply("Dropout", dropout[float32](rate, key), dropout[float64](rate, key), x)
}

// dropout: y = x·m with the mask m in {0, 1/(1-rate)}, so dx = dy·m. The mask is a function of
// seed, op, step and index, so the gradient computes it again instead of storing it.
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
			forward:    func(in [][]T, y []T) { drop(in[0], y) },
			vjps:       []vjp[T]{multiplied(in[0], drop)},
		}, nil
	}
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate < 1) {
		return fmt.Errorf("rate: got %g, want at least 0 and less than 1", rate)
	}
	return nil
}
