package kernel

// Sum adds any number of terms in one pass over memory.
type Sum[T Float] struct {
	terms [][]T
	y     []T
	shard func(worker, shard int)
}

// NewSum returns a sum. It is for one goroutine at a time.
func NewSum[T Float]() *Sum[T] {
	s := &Sum[T]{}
	s.shard = s.add
	return s
}

// Of is y = terms[0] + terms[1] + …, added from left to right; two terms at least. y may be either
// of the first two.
func (s *Sum[T]) Of(terms [][]T, y []T) {
	s.terms, s.y = terms, y
	Parallel(ceilDiv(len(y), sweepShard), s.shard)
	s.terms, s.y = nil, nil
}

func (s *Sum[T]) add(_, shard int) {
	apply := kernels[T]().add
	from, to := shard*sweepShard, min((shard+1)*sweepShard, len(s.y))
	y := s.y[from:to]
	apply(operands[T]{a: s.terms[0][from:to], b: s.terms[1][from:to], c: y})
	for _, term := range s.terms[2:] {
		apply(operands[T]{a: y, b: term[from:to], c: y})
	}
}
