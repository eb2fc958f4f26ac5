package dataset

import (
	"math"
	"math/rand/v2"
	"slices"
)

// subset is some samples of a set, in any order.
type subset struct {
	Dataset
	indices []int
}

// Mixed returns ds in a random order that depends on the seed alone, so that the first samples
// represent a set that is sorted by class, such as class folders.
func Mixed(ds Dataset, seed uint64) Dataset {
	return subset{Dataset: ds, indices: permutation(ds.Len(), seed, 0)}
}

// Draw returns n samples of ds chosen by the seed alone, in the order of ds, or all of ds if it has
// no more. A negative n counts as zero.
func Draw(ds Dataset, n int, seed uint64) Dataset {
	if n >= ds.Len() {
		return ds
	}
	chosen := permutation(ds.Len(), seed, drawStream)[:max(n, 0)]
	slices.Sort(chosen)
	return subset{Dataset: ds, indices: chosen}
}

// Range returns samples [from, to) of ds.
func Range(ds Dataset, from, to int) Dataset {
	indices := make([]int, to-from)
	for i := range indices {
		indices[i] = from + i
	}
	return subset{Dataset: ds, indices: indices}
}

// Split divides ds into a share of each class, rounded to the nearest number of samples, and the
// rest. The seed alone chooses the samples; both parts keep the order of ds. A class of two samples
// or more has at least one in either part. Corrupt images stay in the rest.
func Split(ds Dataset, share float64, seed uint64) (rest, part Dataset, err error) {
	byClass, err := indicesByClass(ds)
	if err != nil {
		return nil, nil, err
	}
	inPart := make([]bool, ds.Len())
	for class, indices := range byClass {
		if len(indices) < 2 {
			continue
		}
		n := int(math.Round(share * float64(len(indices))))
		n = min(max(n, 1), len(indices)-1)
		for _, k := range permutation(len(indices), seed, splitStream+uint64(class))[:n] {
			inPart[indices[k]] = true
		}
	}
	rest, part = separate(ds, inPart)
	return rest, part, nil
}

// Fold divides ds into one of a number of equal parts, counted from 1, and the rest. Every whole
// sample is in one of the parts. Each class is divided separately, in an order that depends on the
// seed alone. Corrupt images stay in the rest.
func Fold(ds Dataset, part, parts int, seed uint64) (rest, held Dataset, err error) {
	byClass, err := indicesByClass(ds)
	if err != nil {
		return nil, nil, err
	}
	inPart := make([]bool, ds.Len())
	before := 0 // samples of the classes before, so that the parts differ by one sample at most
	for class, indices := range byClass {
		for place, k := range permutation(len(indices), seed, splitStream+uint64(class)) {
			inPart[indices[k]] = (before+place)%parts == part-1
		}
		before += len(indices)
	}
	rest, held = separate(ds, inPart)
	return rest, held, nil
}

// separate divides a set in two that keep its order.
func separate(ds Dataset, inPart []bool) (rest, part Dataset) {
	var some, others []int
	for i, in := range inPart {
		if in {
			some = append(some, i)
		} else {
			others = append(others, i)
		}
	}
	return subset{Dataset: ds, indices: others}, subset{Dataset: ds, indices: some}
}

// The streams make a seed's random orders independent of each other; [Mixed] has stream 0.
const (
	drawStream  = 1
	splitStream = 1 << 32 // and those after it, one for each class
)

func permutation(n int, seed, stream uint64) []int {
	return rand.New(rand.NewPCG(seed, stream)).Perm(n)
}

// indicesByClass lists the samples of each class, without corrupt ones.
func indicesByClass(ds Dataset) ([][]int, error) {
	base, at := root(ds)
	label, err := labels(base)
	if err != nil {
		return nil, err
	}
	byClass := make([][]int, ds.Classes())
	for i, k := range at {
		class, err := label(k)
		if err != nil {
			return nil, err
		}
		if class >= 0 && class < len(byClass) {
			byClass[class] = append(byClass[class], i)
		}
	}
	return byClass, nil
}

// Counts returns the number of samples of each class, without corrupt ones whose label isn't known.
func Counts(ds Dataset) ([]int, error) {
	byClass, err := indicesByClass(ds)
	counts := make([]int, len(byClass))
	for class, indices := range byClass {
		counts[class] = len(indices)
	}
	return counts, err
}

// labels returns the labels of a set's samples, -1 for corrupt ones. It doesn't decode a set that
// knows its labels.
func labels(ds Dataset) (func(i int) (int, error), error) {
	switch ds := ds.(type) {
	case *Images:
		return func(i int) (int, error) { return int(ds.labels[i]), nil }, nil
	case *Pictures:
		return func(i int) (int, error) { return ds.store.label(i), nil }, nil
	}
	if _, err := sampleSize(ds.Shape()); err != nil {
		return nil, err
	}
	sample := make([]float32, ds.Shape().TotalSize())
	return func(i int) (int, error) { return labelOf(ds, i, sample) }, nil
}

// labelOf reads a sample and returns its label. A corrupt one is zeros with label -1.
func labelOf(ds Dataset, i int, sample []float32) (int, error) {
	label, err := ds.Sample(i, sample)
	if isCorrupt(err) {
		clear(sample)
		return -1, nil
	}
	return label, err
}

func (s subset) Len() int             { return len(s.indices) }
func (s subset) ClassNames() []string { return ClassNames(s.Dataset) }

// Epoch changes the samples of an [Augmented] set with the epoch.
func (s subset) Epoch(epoch int) Dataset {
	return subset{Dataset: ForEpoch(s.Dataset, epoch), indices: s.indices}
}

func (s subset) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, len(s.indices)); err != nil {
		return 0, err
	}
	return s.Dataset.Sample(s.indices[i], dst)
}
