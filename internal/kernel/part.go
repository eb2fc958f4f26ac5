package kernel

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Part says which images of a batch a process computes: those of some of its leaves, at once or in
// turns of equal size. Sums over the batch are then made with the other turns, and with the peers
// that compute the other parts; their bits are those of one process that computes the whole batch.
// The nil Part is the whole batch in one turn.
//
// The kernels of a part call the peers in the same order as those of every other part. After a call
// has failed they call no more, and what they compute is undefined: see [Part.Finish].
type Part struct {
	batch  int // images
	leaves int
	turns  int
	turn   int
	peers  Peers
	err    error

	steps   int       // calls of Finish
	begun   int       // late sums of this turn
	pending []lateSum // those whose rest isn't done
	results []int     // calls that bring late sums
	at      []int     // offsets of a call

	common  bool   // the peers have memory in common
	arrived []byte // a byte of each peer, which it sends when it meets the others
	met     int    // the step, from 1, that may write there: all peers have met since the one before
}

// Peers connects a process with those that compute the other parts of a batch. Peer r of n has the
// leaves from r·leaves/n to (r+1)·leaves/n. All peers begin the same calls in the same order, and
// finish them in the same order. Several calls may be on their way at once. Until a call has been
// finished, what it sends isn't changed and what it receives isn't read; its offsets may change.
type Peers interface {
	// Rank returns the process's own number, and the number of processes.
	Rank() (rank, ranks int)
	// BeginGather begins to complete data, of which peer r has filled in data[at[r]:at[r+1]].
	BeginGather(data []byte, at []int) (call int, err error)
	// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to peer r, and to receive from it
	// what belongs in receive[receiveAt[r]:receiveAt[r+1]].
	BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error)
	// Finish waits until a call is complete, once for each call.
	Finish(call int) error
}

// Commons are peers that may have memory in common, as processes of one machine do.
type Commons interface {
	// Common returns n bytes that all peers see, zeros at first and aligned for any element, or nil
	// if they have no memory in common. What a peer has written there before it begins a call, the
	// others see after they have finished it. A gather of such memory copies nothing. All peers
	// call Common in the same order, while no call is on its way.
	Common(n int) ([]byte, error)
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

// Finish completes the late sums over the batch, and returns the first error of a call to the
// peers. It is called after each turn.
func (p *Part) Finish() error {
	p.settle(math.MaxInt)
	for _, call := range p.results {
		p.finish(call)
	}
	p.begun, p.results = 0, p.results[:0]
	p.steps++
	return p.err
}

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

// Share returns which of n elements this process computes, if each peer computes a share of them.
func (p *Part) Share(n int) (from, to int) {
	if p.alone() {
		return 0, n
	}
	rank, _ := p.rank()
	return p.shareOf(rank, n)
}

// shareOf is Share for any of the peers.
func (p *Part) shareOf(rank, n int) (from, to int) {
	_, ranks := p.rank()
	return rank * n / ranks, (rank + 1) * n / ranks
}

// A sum over the batch may be late: its first exchange is on its way while the process computes the
// gradients of earlier layers. Its rest, arithmetic and a second exchange, follows some late sums
// later, and its end in Finish. So the order of the exchanges is the same in all peers, however
// fast they are.
type lateSum struct {
	rest func()
	due  int // the number of late sums that have begun when the rest follows
}

// The rest of an affine layer's gradient waits for its small operands only, and then sends most of
// what a step sends: it follows soon. That of a convolution waits for sums as large as what it
// sends, which may be behind the gradient of an affine layer. Affine layers whose products peers
// share follow one another: the large gradient of the weights waits until the exchanges of the next
// such layer, for which the peers wait, are done.
const (
	soon        = 1
	afterShares = 2
	later       = 4
)

// complete does the rest of a sum: now, or for a late sum after a number of others have begun.
func (p *Part) complete(late bool, after int, rest func()) {
	if !late {
		before := len(p.results)
		rest()
		for _, call := range p.results[before:] {
			p.finish(call)
		}
		p.results = p.results[:before]
		return
	}
	p.begun++
	p.settle(p.begun)
	p.pending = append(p.pending, lateSum{rest, p.begun + after})
}

// completeAtEnd does the rest of a late sum that sends nothing more: in Finish.
func (p *Part) completeAtEnd(rest func()) { p.pending = append(p.pending, lateSum{rest, math.MaxInt}) }

// settle does the rests that are due.
func (p *Part) settle(begun int) {
	left := p.pending[:0]
	for _, s := range p.pending {
		if s.due > begun {
			left = append(left, s)
			continue
		}
		s.rest()
	}
	clear(p.pending[len(left):])
	p.pending = left
}

// CommonOf returns n elements that all peers of a part see, or nil if they have no memory in
// common. What a peer writes there in a step, the others may read until their next step begins, or
// until they meet after the step.
func CommonOf[E any](p *Part, n int) []E {
	c, ok := p.peers.(Commons)
	if !ok || p.alone() || p.err != nil {
		return nil
	}
	memory, err := c.Common(n * sizeOf[E]())
	if p.err = err; memory == nil {
		return nil
	}
	p.common = true
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(memory))), n)
}

// enter is called before a step writes to memory that the peers have in common. It waits until none
// of them reads there what the step before has written.
func (p *Part) enter() {
	if p.common && p.met <= p.steps {
		_ = p.Meet() // Finish returns its error
	}
}

// Meet waits until all peers have called it. What a peer has written before to memory that they
// have in common, the others see after. It returns the first error of a call to the peers.
func (p *Part) Meet() error {
	if p.alone() {
		return nil
	}
	_, ranks := p.rank()
	p.met, p.arrived, p.at = p.steps+1, grow(p.arrived, ranks), p.at[:0]
	for r := range ranks + 1 {
		p.at = append(p.at, r)
	}
	p.finish(p.beginGather(p.arrived, p.at))
	return p.err
}

// gatherShares begins to complete data, the result of a sum, of which each peer has computed its
// share of elements of a size.
func (p *Part) gatherShares(data []byte, size int) {
	_, ranks := p.rank()
	n := len(data) / size
	p.at = append(p.at[:0], 0)
	for r := range ranks {
		_, to := p.shareOf(r, n)
		p.at = append(p.at, to*size)
	}
	p.results = append(p.results, p.beginGather(data, p.at))
}

// Of calls that need no finish: of a part that calls no more, and one that is finished.
const (
	failed   = -1
	finished = -2
)

// beginGather begins to complete data of which each peer has its part; at holds their ends.
func (p *Part) beginGather(data []byte, at []int) (call int) {
	if p.err != nil {
		return failed
	}
	call, p.err = p.peers.BeginGather(data, at)
	return call
}

func (p *Part) beginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int) {
	if p.err != nil {
		return failed
	}
	call, p.err = p.peers.BeginExchange(send, sendAt, receive, receiveAt)
	return call
}

func (p *Part) finish(call int) {
	if p.err == nil {
		p.err = p.peers.Finish(call)
	}
}
