package dataset

import "math/rand/v2"

// windowed is a store that reads a chunk of pictures at once, so that random access reads much of
// it for each picture.
type windowed interface {
	chunkOf(i int) int
	chunkBytes(chunk int) int64
}

// windowed returns the store if random access to it is slow: if its chunks don't fit in the window.
func (p *Pictures) windowed() (windowed, bool) {
	w, ok := p.store.(windowed)
	if !ok {
		return nil, false
	}
	bytes, seen := int64(0), map[int]bool{}
	for i := range p.Len() {
		if c := w.chunkOf(i); !seen[c] {
			seen[c] = true
			bytes += w.chunkBytes(c)
		}
	}
	return w, bytes > p.options.Window
}

// Windowed reports whether random access to a set is slow: it contains Parquet files larger than
// [PictureOptions]' Window.
func Windowed(ds Dataset) bool {
	base, _ := root(ds)
	p, ok := base.(*Pictures)
	if !ok {
		return false
	}
	_, ok = p.windowed()
	return ok
}

// Shuffle returns a random order of all samples of a set; all orders have equal probability.
//
// The pages of a [Windowed] set, of about 1 MiB each, come in a random order. As many as fit in the
// window follow each other, with their samples in a random order. Neighbors in a file are as far
// apart as in a full shuffle if they are in different pages, and at most a window apart otherwise.
// The order depends on the set, the window and rng alone.
func Shuffle(ds Dataset, rng *rand.Rand) []int {
	base, at := root(ds)
	p, ok := base.(*Pictures)
	if !ok {
		return rng.Perm(ds.Len())
	}
	w, ok := p.windowed()
	if !ok {
		return rng.Perm(ds.Len())
	}
	numbers, members := chunksOf(w, at)
	order := make([]int, 0, len(at))
	begin, bytes := 0, int64(0)
	end := func() {
		window := order[begin:]
		rng.Shuffle(len(window), func(i, j int) { window[i], window[j] = window[j], window[i] })
		begin, bytes = len(order), 0
	}
	for _, k := range rng.Perm(len(numbers)) {
		size := w.chunkBytes(numbers[k])
		if bytes > 0 && bytes+size > p.options.Window {
			end()
		}
		order, bytes = append(order, members[k]...), bytes+size
	}
	end()
	return order
}

// chunksOf lists the chunks that contain samples, in the order of their first sample, with the
// samples of each.
func chunksOf(w windowed, at []int) (numbers []int, members [][]int) {
	places := map[int]int{}
	for i, k := range at {
		c := w.chunkOf(k)
		place, known := places[c]
		if !known {
			place = len(numbers)
			places[c] = place
			numbers, members = append(numbers, c), append(members, nil)
		}
		members[place] = append(members[place], i)
	}
	return numbers, members
}

// Some returns n samples of ds chosen by the seed alone, or all if n is 0 or ds has no more. They
// are in a random order, so that the first ones represent a set that is sorted by class; those of a
// [Windowed] set keep the set's order.
func Some(ds Dataset, n int, seed uint64) Dataset {
	switch {
	case !Windowed(ds):
		ds = Mixed(ds, seed)
		if n == 0 {
			return ds
		}
		return Take(ds, n)
	case n == 0:
		return ds
	}
	return Draw(ds, n, seed)
}
