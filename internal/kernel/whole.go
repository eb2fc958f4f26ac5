package kernel

import "unsafe"

// Whole is a table with a row for each image of a batch, or each leaf, of which a part computes its
// own rows.
type Whole[E any] struct {
	rows []E
	at   []int
}

// Of returns the rows of the whole batch from those of a part's images, or nil before its last
// turn. It returns its argument for the nil part.
func (w *Whole[E]) Of(p *Part, images []E) []E {
	if p == nil {
		return images
	}
	first, n := p.Images()
	return w.of(p, images, first, n, p.batch, p.firstImage)
}

// OfLeaves is Of for a table with a row for each leaf.
func (w *Whole[E]) OfLeaves(p *Part, leaves []E) []E {
	if p == nil {
		return leaves
	}
	from, to := p.Leaves(0)
	return w.of(p, leaves, from, to-from, p.leaves, func(leaf int) int { return leaf })
}

func (w *Whole[E]) of(p *Part, rows []E, first, n, all int, firstRow func(leaf int) int) []E {
	size := len(rows) / n
	w.rows = grow(w.rows, size*all)
	copy(w.rows[first*size:], rows)
	if !p.last() {
		return nil
	}
	_, ranks := p.rank()
	w.at = w.at[:0]
	for r := range ranks {
		from, _ := p.leavesOf(r)
		w.at = append(w.at, firstRow(from)*size*sizeOf[E]())
	}
	p.gather(bytesOf(w.rows), append(w.at, len(w.rows)*sizeOf[E]()))
	return w.rows
}

func sizeOf[E any]() int { var e E; return int(unsafe.Sizeof(e)) }

// bytesOf returns the memory of a slice.
func bytesOf[E any](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*sizeOf[E]())
}
