package predict

import (
	"net/http"
	"sync"
	"sync/atomic"

	"convgraph/classify"
	"convgraph/graph"
)

// An engine is a model with what computes its answers. A service has one at a time; requests that
// began with an older one end with it.
type engine struct {
	model      *graph.Model
	limits     limits
	batcher    *Batcher
	requests   sync.Pool // of *request
	users      sync.WaitGroup
	unfit      error                 // nil, or why it can't answer
	overflowed atomic.Pointer[error] // nil, or why an answer of it wasn't given
}

// newEngine starts an engine, which close ends.
func newEngine(m *graph.Model, l limits, observe func(batch int)) (*engine, error) {
	unfit, err := probe(m)
	if err != nil {
		return nil, err
	}
	e := &engine{model: m, limits: l, unfit: unfit, batcher: newBatcher(m, l, observe)}
	e.requests.New = func() any { return newRequest(e) }
	return e, nil
}

// probe predicts once, which builds the graph: a model that can't predict is found out now, and no
// request waits for it later. unfit says what isn't finite.
func probe(m *graph.Model) (unfit, err error) {
	answer := make([]float32, m.Classes())
	if err := m.OutputsInto(answer, make([]float32, m.Spec().Input.TotalSize())); err != nil {
		return nil, err
	}
	if err := m.CheckFinite(); err != nil {
		return refusal{http.StatusServiceUnavailable, err}, nil
	}
	return checkFinite(answer), nil
}

// checkFinite is an error if an answer isn't finite.
func checkFinite(answer []float32) error {
	if err := classify.CheckFinite(answer); err != nil {
		return refusal{http.StatusServiceUnavailable, err}
	}
	return nil
}

// ready is nil, or why the engine isn't to be asked.
func (e *engine) ready() error {
	if err := e.overflowed.Load(); err != nil {
		return *err
	}
	return e.unfit
}

// check is an error if the answer to a request isn't finite.
func (e *engine) check(probabilities []float32) error {
	err := checkFinite(probabilities)
	if err != nil {
		e.overflowed.Store(&err)
	}
	return err
}

// close waits for the requests that have begun, and ends the engine.
func (e *engine) close() {
	e.users.Wait()
	e.batcher.Close()
}

// engine is the service's engine for one request, which calls its users.Done.
func (s *Service) engine() *engine {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.current.users.Add(1)
	return s.current
}

// Ready is nil if the service can answer: its model's parameters are finite, and so were its
// answers.
func (s *Service) Ready() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.ready()
}

// Replace answers with another model from now on. Requests that have begun are answered by the one
// before. If the new model can't be served, or its parameters or answers aren't finite, the error
// says so and the service stays as it is.
func (s *Service) Replace(m *graph.Model) error {
	next, err := s.start(m)
	if err != nil {
		return err
	}
	if next.unfit != nil {
		next.close()
		return next.unfit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		next.close()
		return ErrClosed
	}
	old := s.current
	s.current = next
	s.retired.Go(old.close)
	return nil
}

// start makes an engine with the service's limits.
func (s *Service) start(m *graph.Model) (*engine, error) {
	return newEngine(m, s.options.limits(m.Spec().Input.TotalSize()), s.observe)
}
