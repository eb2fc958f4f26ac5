// Package predict answers POST /predict: it takes pictures or numbers and returns the likeliest
// classes. Simultaneous requests are computed in batches.
package predict

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/web"
	"convgraph/web/internal/pictures"
)

// Options bound a service's work. A zero field has the default in its comment.
type Options struct {
	MaxBatch  int           // images computed together, and images a request may carry; 64, fewer if they are large
	MaxQueue  int           // queued images before more are refused; 1024, fewer if they are large
	Timeout   time.Duration // to prepare a request's picture and to wait in the queue; 10 s
	Metrics   *web.Metrics  // counts batches; nil: new metrics
	maxPixels int           // of a picture
}

// The memory of all requests together, in bytes. Requests beyond it wait or are refused. Decoding
// has its own limits, see package pictures.
const (
	batchMemory = 16 << 20  // of the images of a batch
	queueMemory = 64 << 20  // of the images in the queue
	bodyMemory  = 256 << 20 // of bodies
)

// retrySeconds is the Retry-After of refused requests.
const retrySeconds = 1

// statusGone is the status under which a request is counted whose client has gone. It is never sent
// to anyone.
const statusGone = 499

// A Service answers POST /predict with a model's predictions.
type Service struct {
	options  Options
	bodies   *semaphore.Weighted
	pictures *pictures.Lanes
	observe  func(batch int)

	mu      sync.RWMutex
	current *engine
	closed  bool
	retired sync.WaitGroup // earlier engines that are stopping
}

// New starts a service for a model; [Service.Close] stops it. Until then the model's parameters
// must not change. For a model whose parameters or answers aren't finite it answers 503: see
// [Service.Ready] and [Service.Replace].
func New(m *graph.Model, o Options) (*Service, error) {
	o = o.orDefaults()
	s := &Service{options: o, bodies: semaphore.NewWeighted(bodyMemory), pictures: pictures.NewLanes()}
	batches := o.Metrics.NewPrometheusHistogramExt("convgraph_predict_batch_images",
		[]float64{1, 2, 4, 8, 16, 32, 64, 128, 256})
	images := o.Metrics.NewCounter("convgraph_predict_images_total")
	s.observe = func(batch int) {
		batches.Update(float64(batch))
		images.Add(batch)
	}
	var err error
	if s.current, err = s.start(m); err != nil {
		return nil, err
	}
	o.Metrics.NewGauge("convgraph_predict_queue_images", func() float64 { return float64(s.waiting()) })
	return s, nil
}

// waiting returns the number of queued images.
func (s *Service) waiting() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current.batcher.Waiting()
}

func (o Options) orDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Metrics == nil {
		o.Metrics = web.NewMetrics()
	}
	if o.maxPixels == 0 {
		o.maxPixels = pictures.MostPixels
	}
	return o
}

// limits returns the limits for images of size numbers each.
func (o Options) limits(imageSize int) limits {
	const valueBytes = 4
	l := limits{batch: o.MaxBatch, queue: o.MaxQueue}
	if l.batch == 0 {
		l.batch = min(64, max(1, batchMemory/valueBytes/imageSize))
	}
	if l.queue == 0 {
		l.queue = min(1024, max(1, queueMemory/valueBytes/imageSize))
	}
	return l
}

// Register serves /predict on the mux.
func (s *Service) Register(mux *http.ServeMux) { mux.Handle("/predict", s) }

// Close finishes the queue and stops the service. Later requests are refused.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.current.batcher.Close() // it isn't replaced any more
	s.retired.Wait()
}

// ServeHTTP answers with a prediction, or an array of them, in the form of [classify.Prediction].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		web.Error(w, http.StatusMethodNotAllowed, fmt.Errorf("method: got %s, want POST", r.Method))
		return
	}
	e := s.engine()
	defer e.users.Done()
	q := e.requests.Get().(*request)
	defer q.release()
	if err := s.answer(w, r, q); err != nil {
		s.refuse(w, err)
	}
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, q *request) error {
	if q.engine.unfit != nil {
		return q.engine.unfit
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
	defer cancel()
	if err := s.read(ctx, r, q); err != nil {
		return err
	}
	if err := q.engine.batcher.Predict(ctx, q.outputs(), q.images, q.count()); err != nil {
		return err
	}
	if err := q.engine.check(q.probabilities); err != nil {
		return err
	}
	if !q.list {
		web.WriteJSON(w, http.StatusOK, q.prediction(0))
		return nil
	}
	all := make([]*classify.Prediction, q.count())
	for i := range all {
		all[i] = q.prediction(i)
	}
	web.WriteJSON(w, http.StatusOK, all)
	return nil
}

// A refusal is an error with its HTTP status.
type refusal struct {
	status int
	err    error
}

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

func refusef(status int, format string, args ...any) error {
	return refusal{status, fmt.Errorf(format, args...)}
}

func (s *Service) refuse(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v: try again in a moment", s.options.Timeout)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	}
	web.Error(w, status, err)
}

func statusOf(err error) int {
	var known refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &known):
		return known.status
	case errors.Is(err, context.Canceled):
		return statusGone
	case errors.Is(err, ErrFull), errors.Is(err, ErrClosed), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
