package kernel

// treeSum adds the sums of subtrees that a part computes to the sum over the batch.
type treeSum[T Float] struct {
	trees         []subtree // of the turns so far, joined
	sums          [][]T     // of trees; used again after the last turn
	free          [][]T
	send, receive []T

	late bool // the sum is read after [Part.Finish] only
	part *Part
	call int // that brings receive
	all  []subtree
	dw   []T
	rest func() // addUp, stored once
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

// exchange makes the sum with the peers. Each adds up its share of the elements: one Exchange
// brings the other peers' subtrees of them, one Gather spreads the result.
func (s *treeSum[T]) exchange(p *Part, dw []T) {
	_, ranks := p.rank()
	from, to := p.share(len(dw))
	width, size := to-from, sizeOf[T]()

	s.send = grow(s.send, len(s.sums)*len(dw))[:0]
	s.all = s.all[:0]
	sendAt, receiveAt := []int{0}, []int{0}
	for r := range ranks {
		f, t := r*len(dw)/ranks, (r+1)*len(dw)/ranks
		for _, sum := range s.sums {
			s.send = append(s.send, sum[f:t]...)
		}
		first, end := p.leavesOf(r)
		s.all = append(s.all, subtrees(first, end, p.leaves)...)
		sendAt, receiveAt = append(sendAt, len(s.send)*size), append(receiveAt, len(s.all)*width*size)
	}
	s.receive = grow(s.receive, len(s.all)*width)
	s.part, s.dw = p, dw
	s.call = p.beginExchange(bytesOf(s.send), sendAt, bytesOf(s.receive), receiveAt)
	if s.rest == nil {
		s.rest = s.addUp
	}
	p.complete(s.late, later, s.rest)
}

// addUp is the rest of exchange.
func (s *treeSum[T]) addUp() {
	p := s.part
	p.finish(s.call)
	from, to := p.share(len(s.dw))
	width := to - from
	joins, _ := additions(s.all)
	for _, j := range joins {
		sum := s.receive[j.to*width:][:width]
		Add(sum, s.receive[j.from*width:][:width], sum)
	}
	copy(s.dw[from:to], s.receive[:width])
	p.gatherShares(bytesOf(s.dw), sizeOf[T]())
	s.dw = nil
}
