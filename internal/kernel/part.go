package kernel

import (
	"fmt"
	"slices"
	"unsafe"
)

// Part says which images of a batch a process computes: those of some of its leaves, at once or in
// turns of equal size. Sums over the batch are then made with the other turns, and with the peers
// that compute the other parts; their bits are those of one process that computes the whole batch.
// The nil Part is the whole batch in one turn.
//
// The kernels of a part call the peers in the same order as those of every other part. After a call
// has failed they call no more, and what they compute is undefined: see [Part.Err].
type Part struct {
	batch  int // images
	leaves int
	turns  int
	turn   int
	peers  Peers
	err    error
}

// Peers is how a process reaches those that compute the other parts of a batch. Peer r of n has the
// leaves from r·leaves/n to (r+1)·leaves/n. All peers call the same methods in the same order.
type Peers interface {
	// Rank returns the process's own number, and the number of processes.
	Rank() (rank, ranks int)
	// Gather completes data, of which peer r has filled in data[at[r]:at[r+1]].
	Gather(data []byte, at []int) error
	// Exchange sends send[sendAt[r]:sendAt[r+1]] to peer r, and receives from it what belongs in
	// receive[receiveAt[r]:receiveAt[r+1]].
	Exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) error
}

// NewPart returns the part of a batch that a process computes in turns, one of peers. Peers are nil
// if there are no others.
func NewPart(batch, turns int, peers Peers) (*Part, error) {
	p := &Part{batch: batch, leaves: Leaves(batch), turns: turns, peers: peers}
	_, ranks := p.rank()
	if least := leastBatch(ranks * turns); p.leaves < ranks*turns {
		return nil, fmt.Errorf("batch of %d images for %d processes and %d turns: want at least %d", batch, ranks, turns, least)
	}
	for r := range ranks {
		if err := p.checkTurns(r); err != nil {
			return nil, fmt.Errorf("batch of %d images for %d processes and %d turns: %w", batch, ranks, turns, err)
		}
	}
	return p, nil
}

// checkTurns returns an error if the turns of a peer have different numbers of images.
func (p *Part) checkTurns(rank int) error {
	var sizes []int
	for turn := range p.turns {
		from, to := p.ofTurn(rank, turn)
		sizes = append(sizes, p.firstImage(to)-p.firstImage(from))
	}
	if slices.Min(sizes) != slices.Max(sizes) {
		return fmt.Errorf("turns have %d and %d images: want as many in each", slices.Min(sizes), slices.Max(sizes))
	}
	return nil
}

// leastBatch returns the smallest batch with so many leaves.
func leastBatch(leaves int) int {
	batch := leaves
	for Leaves(batch) < leaves {
		if batch > maxLeaves*imagesPerLeaf {
			return batch
		}
		batch++
	}
	return batch
}

func (p *Part) rank() (rank, ranks int) {
	if p.peers == nil {
		return 0, 1
	}
	return p.peers.Rank()
}

// leavesOf returns the leaves of a peer.
func (p *Part) leavesOf(rank int) (from, to int) {
	_, ranks := p.rank()
	return rank * p.leaves / ranks, (rank + 1) * p.leaves / ranks
}

// ofTurn returns the leaves of a turn of a peer.
func (p *Part) ofTurn(rank, turn int) (from, to int) {
	from, to = p.leavesOf(rank)
	n := to - from
	return from + turn*n/p.turns, from + (turn+1)*n/p.turns
}

// Leaves returns which leaves of the batch are computed now, given the number of images that are.
func (p *Part) Leaves(images int) (from, to int) {
	if p == nil {
		return 0, Leaves(images)
	}
	rank, _ := p.rank()
	return p.ofTurn(rank, p.turn)
}

func (p *Part) firstImage(leaf int) int { return leaf * p.batch / p.leaves }

// Images returns the first image of the turn in the batch, and the number of images in a turn.
func (p *Part) Images() (first, n int) {
	from, to := p.Leaves(0)
	first = p.firstImage(from)
	return first, p.firstImage(to) - first
}

// Batch returns the number of images of the whole batch.
func (p *Part) Batch() int { return p.batch }

// Turns returns how many turns the part is computed in.
func (p *Part) Turns() int { return p.turns }

// Take says which turn is computed next, from 0. The turns of a batch are taken in order. The sums
// over the batch exist after the last one.
func (p *Part) Take(turn int) { p.turn = turn }

// Err returns the first error of a call to the peers.
func (p *Part) Err() error { return p.err }

// Leaf returns which of the images that are computed now a leaf of the batch holds.
func (p *Part) Leaf(images, leaf int) (from, to int) {
	if p == nil {
		return Leaf(images, leaf)
	}
	first := p.First()
	return p.firstImage(leaf) - first, p.firstImage(leaf+1) - first
}

// First returns the index in the batch of the first image that is computed now.
func (p *Part) First() int {
	if p == nil {
		return 0
	}
	first, _ := p.Images()
	return first
}

// Total returns the number of images of the batch, given those that are computed now.
func (p *Part) Total(images int) int {
	if p == nil {
		return images
	}
	return p.batch
}

func (p *Part) last() bool { return p == nil || p.turn == p.turns-1 }

// alone reports whether there are no peers.
func (p *Part) alone() bool {
	if p == nil || p.peers == nil {
		return true
	}
	_, ranks := p.rank()
	return ranks == 1
}

// share returns which of n elements this process computes, if each peer computes a share of them.
func (p *Part) share(n int) (from, to int) {
	if p.alone() {
		return 0, n
	}
	rank, ranks := p.rank()
	return rank * n / ranks, (rank + 1) * n / ranks
}

// gatherShares completes data of which each peer has computed its share of elements of a size.
func (p *Part) gatherShares(data []byte, size int) {
	if p.alone() {
		return
	}
	_, ranks := p.rank()
	n, at := len(data)/size, []int{0}
	for r := range ranks {
		at = append(at, (r+1)*n/ranks*size)
	}
	p.gather(data, at)
}

// gather completes data of which each peer has its part; at holds their ends.
func (p *Part) gather(data []byte, at []int) {
	if p.alone() || p.err != nil {
		return
	}
	p.err = p.peers.Gather(data, at)
}

func (p *Part) exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) {
	if p.err == nil {
		p.err = p.peers.Exchange(send, sendAt, receive, receiveAt)
	}
}

// Whole is a table with a row for each image of a batch, or each leaf, of which a part computes its
// own rows.
type Whole[E any] struct {
	rows []E
	at   []int
}

// Of returns the rows of the whole batch from those of a part's images, or nil before its last turn.
// It returns its argument for the nil part.
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

// treeSum adds the sums of subtrees that a part computes to the sum over the batch.
type treeSum[T Float] struct {
	trees         []subtree // of the turns so far, joined
	sums          [][]T     // theirs, but not in the last turn
	free          [][]T
	send, receive []T
}

// complete sets dw to the sum over the batch, if this is the last turn, from the sums of the fewest
// subtrees of the turn's leaves. That of the first may be dw itself.
func (s *treeSum[T]) complete(p *Part, sums func(tree int) []T, dw []T) {
	from, to := p.Leaves(0)
	for i, t := range subtrees(from, to, p.leaves) {
		s.add(t, sums(i))
	}
	if !p.last() {
		return
	}
	if p.alone() {
		copy(dw, s.sums[0])
	} else {
		s.exchange(p, dw)
	}
	s.free, s.trees, s.sums = append(s.free, s.sums...), s.trees[:0], s.sums[:0]
}

// add takes a subtree to the right of those before it.
func (s *treeSum[T]) add(t subtree, sum []T) {
	if n := len(s.trees); n > 0 && s.trees[n-1].joins(t) {
		Add(s.sums[n-1], sum, s.sums[n-1])
		s.trees[n-1].to = t.to
	} else {
		s.trees, s.sums = append(s.trees, t), append(s.sums, s.copyOf(sum))
	}
	for n := len(s.trees); n > 1 && s.trees[n-2].joins(s.trees[n-1]); n-- {
		Add(s.sums[n-2], s.sums[n-1], s.sums[n-2])
		s.trees[n-2].to = s.trees[n-1].to
		s.free = append(s.free, s.sums[n-1])
		s.trees, s.sums = s.trees[:n-1], s.sums[:n-1]
	}
}

func (s *treeSum[T]) copyOf(x []T) []T {
	var to []T
	if n := len(s.free); n > 0 {
		to, s.free = s.free[n-1], s.free[:n-1]
	}
	to = grow(to, len(x))
	copy(to, x)
	return to
}

// exchange makes the sum with the peers. Each adds up its share of the elements: one Exchange brings
// the other peers' subtrees of them, one Gather spreads the result.
func (s *treeSum[T]) exchange(p *Part, dw []T) {
	_, ranks := p.rank()
	from, to := p.share(len(dw))
	width, size := to-from, sizeOf[T]()

	s.send = grow(s.send, len(s.sums)*len(dw))[:0]
	var all []subtree
	sendAt, receiveAt := []int{0}, []int{0}
	for r := range ranks {
		f, t := r*len(dw)/ranks, (r+1)*len(dw)/ranks
		for _, sum := range s.sums {
			s.send = append(s.send, sum[f:t]...)
		}
		first, end := p.leavesOf(r)
		all = append(all, subtrees(first, end, p.leaves)...)
		sendAt, receiveAt = append(sendAt, len(s.send)*size), append(receiveAt, len(all)*width*size)
	}
	s.receive = grow(s.receive, len(all)*width)
	p.exchange(bytesOf(s.send), sendAt, bytesOf(s.receive), receiveAt)
	joins, _ := additions(all)
	for _, j := range joins {
		sum := s.receive[j.to*width:][:width]
		Add(sum, s.receive[j.from*width:][:width], sum)
	}
	copy(dw[from:to], s.receive[:width])
	p.gatherShares(bytesOf(dw), size)
}

func sizeOf[E any]() int { var e E; return int(unsafe.Sizeof(e)) }

// bytesOf returns the memory of a slice.
func bytesOf[E any](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*sizeOf[E]())
}
