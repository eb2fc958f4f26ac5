package kernel

// affineShares computes the products of an affine layer with its weights, for the whole batch, in
// peers that each compute a share of the columns of the result. So each reads only its share of the
// weights, which are most of what a large layer of a small batch reads. The rows of the operand and
// of the result belong to the peers' images: all peers gather the operand, and exchange what they
// have computed. The gradient of the weights gathers x and dy once more, which is little beside the
// weights.
type affineShares[T Float] struct {
	part     *Part
	columns  int // of the result
	operand  Whole[T]
	own      []T // the whole batch's rows, this peer's columns
	received []T // from each peer: this peer's rows, that peer's columns

	sendAt, receiveAt []int
}

// sharesAbove is how many times the values that peers exchange a layer's weights must be. Each peer
// of two then reads half of the weights less, which takes far longer than the exchanges.
const sharesAbove = 16

// sharesPay reports whether shares of an in × out layer pay.
func sharesPay(p *Part, in, out int) bool {
	return !p.alone() && p.turns == 1 && in*out >= sharesAbove*p.batch*(in+out)
}

// begin returns the operand's rows of the whole batch from those of the part's images, and where
// the caller puts its columns of the result.
func (s *affineShares[T]) begin(images []T) (batch, own []T) {
	from, to := s.part.Share(s.columns)
	s.own = grow(s.own, s.part.batch*(to-from))
	return s.operand.Of(s.part, images), s.own
}

// exchange sends each peer the rows of its images, and completes those of the part's images, y.
func (s *affineShares[T]) exchange(y []T) {
	p, size := s.part, sizeOf[T]()
	_, ranks := p.rank()
	images, width := len(y)/s.columns, len(s.own)/p.batch
	s.received = grow(s.received, len(y))
	s.sendAt, s.receiveAt = append(s.sendAt[:0], 0), append(s.receiveAt[:0], 0)
	for r := range ranks {
		_, leaf := p.leavesOf(r)
		_, column := p.shareOf(r, s.columns)
		s.sendAt = append(s.sendAt, p.firstImage(leaf)*width*size)
		s.receiveAt = append(s.receiveAt, column*images*size)
	}
	p.finish(p.beginExchange(bytesOf(s.own), s.sendAt, bytesOf(s.received), s.receiveAt))
	s.interleave(y)
}

// interleave puts the peers' columns side by side.
func (s *affineShares[T]) interleave(y []T) {
	_, ranks := s.part.rank()
	at := 0
	for r := range ranks {
		from, to := s.part.shareOf(r, s.columns)
		for row := from; row < len(y); row += s.columns {
			at += copy(y[row:row+to-from], s.received[at:])
		}
	}
}
