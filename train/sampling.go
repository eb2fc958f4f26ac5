package train

import (
	"fmt"
	"math/rand/v2"
)

// Sampling is how an epoch's batches are drawn from the training set.
type Sampling string

const (
	// Shuffle visits every sample once an epoch, in a new order each; what doesn't fill a last batch is left out.
	Shuffle Sampling = "shuffle"
	// Replace draws every sample of every batch from the whole set, as the book does.
	Replace Sampling = "replace"
)

// order gives the sample indices of one epoch, batch after batch. It depends on nothing but its arguments, so a resumed training draws
// what it would have drawn.
func (s Sampling) order(seed uint64, epoch, samples, count int) ([]int, error) {
	r := rand.New(rand.NewPCG(seed, uint64(epoch)))
	switch s {
	case Shuffle, "":
		return r.Perm(samples)[:count], nil
	case Replace:
		order := make([]int, count)
		for i := range order {
			order[i] = r.IntN(samples)
		}
		return order, nil
	}
	return nil, fmt.Errorf("sampling is %q: want %s or %s", string(s), Shuffle, Replace)
}
