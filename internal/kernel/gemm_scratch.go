package kernel

import "sync"

// stack keeps scratch between calls: a shard takes one, or the zero value where none is left, and puts it back. At most as many exist as
// shards ever ran at once.
type stack[S any] struct {
	mu   sync.Mutex
	free []*S
}

func (s *stack[S]) take() *S {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		return new(S)
	}
	top := s.free[last]
	s.free = s.free[:last]
	return top
}

func (s *stack[S]) put(x *S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, x)
}

// scratchSlack is how far past its last element an engine may read scratch.
const scratchSlack = 64

// grow returns a scratch slice of n elements, with slack behind them; its content is what it was, or zero where it is new.
func grow[T Float](s []T, n int) []T {
	if cap(s) >= n+scratchSlack {
		return s[:n]
	}
	return make([]T, n, n+scratchSlack)
}
