package kernel

import (
	"slices"
	"sync"
	"sync/atomic"
)

// stack holds idle objects for reuse. A call takes one, or the zero value if none is idle, and puts
// it back. It holds at most as many as calls ever ran at once.
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

// perWorker holds a workspace for each worker of a call. A worker finds what it wrote last in its
// own cache, and takes no lock. The zero value holds none.
type perWorker[S any] struct {
	mu    sync.Mutex
	every atomic.Pointer[[]*S] // indexed by worker
}

// of returns a worker's workspace, as that worker left it, or the zero value.
func (p *perWorker[S]) of(worker int) *S {
	if every := p.every.Load(); every != nil && worker < len(*every) {
		return (*every)[worker]
	}
	return p.more(worker)
}

// more adds workspaces for the workers up to this one; it doesn't move those of the others.
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

// slack is how many elements past the last one an engine may read.
const slack = 64

// grow returns a slice of n elements with slack after them. Its content is unchanged, or zero if it
// is new.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n+slack {
		return s[:n]
	}
	return make([]T, n, n+slack)
}

// lent32 and lent64 hold memory that calls borrow. All layers share it: in a deep network, separate
// memory for each layer would be several times the size of the weights.
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

// borrow returns n elements of undefined content, with slack after them, until giveBack.
func borrow[T Float](n int) *[]T {
	memory := lent[T]().take()
	*memory = grow(*memory, n)
	return memory
}

func giveBack[T Float](memory *[]T) { lent[T]().put(memory) }
