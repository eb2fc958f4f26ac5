package kernel

import "unsafe"

// Whole is a table with a row for each image of a batch, or each leaf, of which a part computes its
// own rows.
type Whole[E any] struct {
	rows   []E
	common bool // all peers see the rows
	at     []int
	call   int // that brings the other peers' rows
}

// share puts the table, with rows of a size, where all peers see it, if they have memory in common.
func (w *Whole[E]) share(p *Part, size int) {
	w.rows = CommonOf[E](p, size*p.batch+slack)
	w.common = w.rows != nil
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
	w.send(p, size, firstRow)
}

// rowsOf returns where the part's images have their rows of a size. The caller sets them, and calls
// send.
func (w *Whole[E]) rowsOf(p *Part, size int) []E {
	if w.common {
		p.enter()
	}
	first, n := p.Images()
	w.rows = grow(w.rows, size*p.batch)
	return w.rows[first*size:][:n*size]
}

// send begins to complete the table, of which the part's rows are set. It does nothing before the
// last turn.
func (w *Whole[E]) send(p *Part, size int, firstRow func(leaf int) int) {
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

// finish returns the whole table, or nil before the last turn. It may be called again.
func (w *Whole[E]) finish(p *Part) []E {
	if !p.last() {
		return nil
	}
	if !p.alone() && w.call != finished {
		p.finish(w.call)
		w.call = finished
	}
	return w.rows
}

func sizeOf[E any]() int { var e E; return int(unsafe.Sizeof(e)) }

// bytesOf returns the memory of a slice.
func bytesOf[E any](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*sizeOf[E]())
}
