package train

import (
	"fmt"
	"math/rand/v2"

	"convgraph/train/dataset"
)

// Sampling is how an epoch's batches are drawn from the training set.
type Sampling string

const (
	// Shuffle visits every sample once an epoch, in a new order each time. Samples that don't fill
	// a last batch are left out.
	Shuffle Sampling = "shuffle"
	// Replace draws every sample of every batch from the whole set, as the book does.
	Replace Sampling = "replace"
)

// order returns the sample indices of an epoch, batch after batch. It depends on its arguments
// alone, so a resumed training draws the same samples.
func (s Sampling) order(ds dataset.Dataset, seed uint64, epoch, count int) ([]int, error) {
	r := rand.New(rand.NewPCG(seed, uint64(epoch)))
	switch s {
	case Shuffle, "":
		return dataset.Shuffle(ds, r)[:count], nil
	case Replace:
		if dataset.Windowed(ds) {
			return nil, fmt.Errorf("sampling %s reads at random places: want data that fit in memory, or %s",
				Replace, Shuffle)
		}
		order := make([]int, count)
		for i := range order {
			order[i] = r.IntN(ds.Len())
		}
		return order, nil
	}
	return nil, fmt.Errorf("sampling is %q: want %s or %s", string(s), Shuffle, Replace)
}
