package dataset

import "math/rand/v2"

// Mixed is ds in a random order that depends on the seed alone, so that the first samples of a set that is sorted by
// class, as a folder of class folders is, stand for all of it.
func Mixed(ds Dataset, seed uint64) Dataset {
	return mixed{Dataset: ds, order: rand.New(rand.NewPCG(seed, 0)).Perm(ds.Len())}
}

type mixed struct {
	Dataset
	order []int
}

func (m mixed) ClassNames() []string { return ClassNames(m.Dataset) }

// Epoch lets the samples of an [Augmented] set vary as they do there.
func (m mixed) Epoch(epoch int) Dataset {
	return mixed{Dataset: ForEpoch(m.Dataset, epoch), order: m.order}
}

func (m mixed) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, len(m.order)); err != nil {
		return 0, err
	}
	return m.Dataset.Sample(m.order[i], dst)
}
