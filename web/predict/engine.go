package predict

import (
	"net/http"
	"sync"
	"sync/atomic"

	"convgraph/classify"
	"convgraph/graph"
)

// An engine is a model with its batcher. A service has one at a time; a request finishes with the
// engine it began with.
type engine struct {
	model      *graph.Model
	limits     limits
	batcher    *Batcher
	requests   sync.Pool // of *request
	users      sync.WaitGroup
	unfit      error                 // why it can't answer, or nil
	overflowed atomic.Pointer[error] // a non-finite output that it once computed, or nil
}

// newEngine starts an engine; close stops it.
func newEngine(m *graph.Model, l limits, observe func(batch int)) (*engine, error) {
	unfit, err := probe(m)
	if err != nil {
		return nil, err
	}
	e := &engine{model: m, limits: l, unfit: unfit, batcher: newBatcher(m, l, observe)}
	e.requests.New = func() any { return newRequest(e) }
	return e, nil
}

// probe predicts once. This builds the graph, so no request waits for that, and finds a model that
// can't predict. unfit reports parameters or outputs that aren't finite.
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

// checkFinite returns an error if an answer isn't finite.
func checkFinite(answer []float32) error {
	if err := classify.CheckFinite(answer); err != nil {
		return refusal{http.StatusServiceUnavailable, err}
	}
	return nil
}

// ready returns why the engine can't answer, or nil.
func (e *engine) ready() error {
	if err := e.overflowed.Load(); err != nil {
		return *err
	}
	return e.unfit
}

// check returns an error if an answer isn't finite, and marks the engine as not ready.
func (e *engine) check(probabilities []float32) error {
	err := checkFinite(probabilities)
	if err != nil {
		e.overflowed.Store(&err)
	}
	return err
}

// close waits for running requests and stops the engine.
func (e *engine) close() {
	e.users.Wait()
	e.batcher.Close()
}

// engine returns the current engine for one request, which must call users.Done.
func (s *Service) engine() *engine {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.current.users.Add(1)
	return s.current
}

// Ready returns nil if the service can answer: the model's parameters are finite, and so were all
// its answers.
func (s *Service) Ready() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.ready()
}

// Replace switches to another model. Running requests finish with the old one. If the new model
// can't be served, or its parameters or answers aren't finite, Replace returns an error and changes
// nothing.
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

// start starts an engine with the service's limits.
func (s *Service) start(m *graph.Model) (*engine, error) {
	return newEngine(m, s.options.limits(m.Spec().Input.TotalSize()), s.observe)
}
