package kernel

// treeSum adds the sums of subtrees that a part computes to the sum over the batch.
type treeSum[T Float] struct {
	trees         []subtree // of the turns so far, joined
	sums          [][]T     // of trees; used again after the last turn
	free          [][]T
	send, receive []T

	late   bool // the sum is read after [Part.Finish] only
	part   *Part
	call   int // that brings receive
	all    []subtree
	shared bool // each peer adds up its share
	width  int  // elements that this one adds up
	dw     []T
	rest   func() // addUp, stored once

	sendAt, receiveAt []int
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

// littleData is the most elements of all subtrees together that each peer receives: that takes less
// time than a second exchange.
const littleData = 1 << 14

// exchange makes the sum with the peers. Each adds up its share of the elements: one Exchange
// brings the other peers' subtrees of them, one Gather spreads the result. Of few elements each
// adds up all, and one Gather brings the other peers' subtrees.
func (s *treeSum[T]) exchange(p *Part, dw []T) {
	_, ranks := p.rank()
	s.all, s.receiveAt = s.all[:0], append(s.receiveAt[:0], 0)
	for r := range ranks {
		first, end := p.leavesOf(r)
		s.all = append(s.all, subtrees(first, end, p.leaves)...)
		s.receiveAt = append(s.receiveAt, len(s.all))
	}
	s.part, s.dw, s.shared, s.width = p, dw, len(dw)*len(s.all) > littleData, len(dw)
	if s.shared {
		from, to := p.Share(len(dw))
		s.width = to - from
	}
	for r := range s.receiveAt {
		s.receiveAt[r] *= s.width * sizeOf[T]()
	}
	s.receive = grow(s.receive, len(s.all)*s.width)
	if s.shared {
		s.beginShares()
	} else {
		s.beginAll()
	}
	if s.rest == nil {
		s.rest = s.addUp
	}
	p.complete(s.late, later, s.rest)
}

// beginShares begins the Exchange of shares.
func (s *treeSum[T]) beginShares() {
	p, size := s.part, sizeOf[T]()
	_, ranks := p.rank()
	s.send, s.sendAt = grow(s.send, len(s.sums)*len(s.dw))[:0], append(s.sendAt[:0], 0)
	for r := range ranks {
		from, to := p.shareOf(r, len(s.dw))
		for _, sum := range s.sums {
			s.send = append(s.send, sum[from:to]...)
		}
		s.sendAt = append(s.sendAt, len(s.send)*size)
	}
	s.call = p.beginExchange(bytesOf(s.send), s.sendAt, bytesOf(s.receive), s.receiveAt)
}

// beginAll begins the Gather of whole subtrees.
func (s *treeSum[T]) beginAll() {
	rank, _ := s.part.rank()
	own := s.receive[s.receiveAt[rank]/sizeOf[T]():]
	for i, sum := range s.sums {
		copy(own[i*s.width:], sum)
	}
	s.call = s.part.beginGather(bytesOf(s.receive), s.receiveAt)
}

// addUp is the rest of exchange.
func (s *treeSum[T]) addUp() {
	p := s.part
	p.finish(s.call)
	joins, _ := additions(s.all)
	for _, j := range joins {
		sum := s.receive[j.to*s.width:][:s.width]
		Add(sum, s.receive[j.from*s.width:][:s.width], sum)
	}
	if s.shared {
		from, _ := p.Share(len(s.dw))
		copy(s.dw[from:], s.receive[:s.width])
		p.gatherShares(bytesOf(s.dw), sizeOf[T]())
	} else {
		copy(s.dw, s.receive[:s.width])
	}
	s.dw = nil
}
