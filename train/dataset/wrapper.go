package dataset

// wrapper is a set that shows another set's samples. Every Dataset of this package that wraps
// another implements it: it lets [Digest] and [Split] reach the files or the memory.
type wrapper interface {
	beneath() Dataset
	// index is where sample i lies in the set beneath.
	index(i int) int
}

func (h head) beneath() Dataset { return h.Dataset }
func (head) index(i int) int    { return i }

func (s subset) beneath() Dataset { return s.Dataset }
func (s subset) index(i int) int  { return s.indices[i] }

func (t *transformed) beneath() Dataset { return t.base }
func (*transformed) index(i int) int    { return i }

func (a *Augmented) beneath() Dataset { return a.Dataset }
func (*Augmented) index(i int) int    { return i }

// root returns the set inside all wrappers of ds, and which of its samples ds shows, in ds's order.
func root(ds Dataset) (Dataset, []int) {
	indices := make([]int, ds.Len())
	for i := range indices {
		indices[i] = i
	}
	for {
		w, ok := ds.(wrapper)
		if !ok {
			return ds, indices
		}
		for k, i := range indices {
			indices[k] = w.index(i)
		}
		ds = w.beneath()
	}
}
