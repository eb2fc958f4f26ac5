package kernel

import (
	"fmt"
	"slices"
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

// Peers connects a process with those that compute the other parts of a batch. Peer r of n has the
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
	if p.leaves < ranks*turns {
		least := leastBatch(ranks * turns)
		return nil, fmt.Errorf(
			"batch of %d images for %d processes and %d turns: want at least %d", batch, ranks, turns, least,
		)
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

// leastBatch returns the smallest batch with that many leaves.
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

// Take sets which turn is computed next, from 0, in order. The sums over the batch exist after the
// last one.
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
