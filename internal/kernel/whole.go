package kernel

import "unsafe"

// Whole is a table with a row for each image of a batch, or each leaf, of which a part computes its
// own rows.
type Whole[E any] struct {
	rows []E
	at   []int
	call int // that brings the other peers' rows
}

// Of returns the rows of the whole batch from those of a part's images, or nil before its last
// turn. It returns its argument for the nil part.
func (w *Whole[E]) Of(p *Part, images []E) []E {
	if p == nil {
		return images
	}
	w.begin(p, images)
	return w.finish(p)
}

// begin begins Of, which finish ends.
func (w *Whole[E]) begin(p *Part, images []E) {
	first, n := p.Images()
	w.beginRows(p, images, first, n, p.batch, p.firstImage)
}

// OfLeaves is Of for a table with a row for each leaf.
func (w *Whole[E]) OfLeaves(p *Part, leaves []E) []E {
	if p == nil {
		return leaves
	}
	from, to := p.Leaves(0)
	w.beginRows(p, leaves, from, to-from, p.leaves, func(leaf int) int { return leaf })
	return w.finish(p)
}

func (w *Whole[E]) beginRows(p *Part, rows []E, first, n, all int, firstRow func(leaf int) int) {
	size := len(rows) / n
	w.rows = grow(w.rows, size*all)
	copy(w.rows[first*size:], rows)
	if !p.last() || p.alone() {
		return
	}
	_, ranks := p.rank()
	w.at = w.at[:0]
	for r := range ranks {
		from, _ := p.leavesOf(r)
		w.at = append(w.at, firstRow(from)*size*sizeOf[E]())
	}
	w.at = append(w.at, len(w.rows)*sizeOf[E]())
	w.call = p.beginGather(bytesOf(w.rows), w.at)
}

func (w *Whole[E]) finish(p *Part) []E {
	if !p.last() {
		return nil
	}
	if !p.alone() {
		p.finish(w.call)
	}
	return w.rows
}

func sizeOf[E any]() int { var e E; return int(unsafe.Sizeof(e)) }

// bytesOf returns the memory of a slice.
func bytesOf[E any](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*sizeOf[E]())
}
