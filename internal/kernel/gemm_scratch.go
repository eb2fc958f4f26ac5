package kernel

import (
	"slices"
	"sync"
	"sync/atomic"
)

// stack keeps what calls need between them: a call takes one, or the zero value where none is left, and puts it back. At most as many exist
// as calls ever ran at once.
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

// perWorker is scratch that each worker of a call has for itself: what it wrote there last it finds in its own cache, and no lock stands
// before it. The zero value has none yet.
type perWorker[S any] struct {
	mu    sync.Mutex
	every atomic.Pointer[[]*S] // by worker
}

// of returns a worker's scratch, as that worker left it or the zero value.
func (p *perWorker[S]) of(worker int) *S {
	if every := p.every.Load(); every != nil && worker < len(*every) {
		return (*every)[worker]
	}
	return p.more(worker)
}

// more makes scratch for the workers up to this one; that of the others stays where it is.
func (p *perWorker[S]) more(worker int) *S {
	p.mu.Lock()
	defer p.mu.Unlock()
	var every []*S
	if old := p.every.Load(); old != nil {
		every = slices.Clone(*old)
	}
	for len(every) <= worker {
		every = append(every, new(S))
	}
	p.every.Store(&every)
	return every[worker]
}

// scratchSlack is how far past its last element an engine may read scratch.
const scratchSlack = 64

// grow returns a scratch slice of n elements, with slack behind them; its content is what it was, or zero where it is new.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n+scratchSlack {
		return s[:n]
	}
	return make([]T, n, n+scratchSlack)
}

// lent32 and lent64 are memory that calls borrow. All layers share it: for a deep network, memory of its
// own for each layer would be several times the weights.
var (
	lent32 stack[[]float32]
	lent64 stack[[]float64]
)

func lent[T Float]() *stack[[]T] {
	if s, ok := any(&lent32).(*stack[[]T]); ok {
		return s
	}
	return any(&lent64).(*stack[[]T])
}

// borrow lends n elements of any content, with slack behind them, until giveBack.
func borrow[T Float](n int) *[]T {
	room := lent[T]().take()
	*room = grow(*room, n)
	return room
}

func giveBack[T Float](room *[]T) { lent[T]().put(room) }
