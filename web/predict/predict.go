// Package predict answers POST /predict: pictures or numbers in, the likeliest classes out. Requests that come together are computed together.
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
)

// Options bound what a service takes on. What is 0 takes the value said.
type Options struct {
	MaxBatch  int           // images computed together, and images a request may carry; 64, fewer if they are large
	MaxQueue  int           // images waiting before more are turned away; 1024, fewer if they are large
	Timeout   time.Duration // for a request's picture and its place in the queue; 10 s
	Metrics   *web.Metrics  // where batches are counted; nil is new ones
	maxPixels int           // of a picture
}

// Memory that requests take together, in bytes. What would be beyond it waits or is turned away.
const (
	batchMemory   = 16 << 20  // of the images of a batch
	queueMemory   = 64 << 20  // of the images in the queue
	bodyMemory    = 256 << 20 // of bodies
	pictureMemory = 512 << 20 // of pictures being decoded and prepared
)

// mostPixels of a picture: what a good telephone takes.
const mostPixels = 1 << 24

// retrySeconds is when whoever was turned away may try again.
const retrySeconds = 1

// statusGone is what a request is counted as whose sender didn't wait. Nobody reads it.
const statusGone = 499

// Service answers POST /predict with what a model says.
type Service struct {
	model    *graph.Model
	unready  error // why no prediction is any good
	options  Options
	batcher  *Batcher
	bodies   *semaphore.Weighted
	pictures *semaphore.Weighted
	requests sync.Pool // of *request
}

// New starts a service for a model that ends in Softmax; [Service.Close] ends it. Until then the model's parameters must not change. A
// service for a model with parameters that aren't finite answers 503; see [Service.Ready].
func New(m *graph.Model, o Options) (*Service, error) {
	o = o.orDefaults(m.Spec().Input.TotalSize())
	// The first prediction builds the graph: a model that can't predict is found out now, and nobody waits for it later.
	probabilities := make([]float32, m.Classes())
	if err := m.ProbabilitiesInto(probabilities, make([]float32, m.Spec().Input.TotalSize())); err != nil {
		return nil, err
	}
	unready := m.CheckFinite()
	if unready == nil {
		unready = classify.CheckFinite(probabilities)
	}
	s := &Service{
		model: m, unready: unready, options: o, bodies: semaphore.NewWeighted(bodyMemory), pictures: semaphore.NewWeighted(pictureMemory),
		requests: sync.Pool{New: func() any { return newRequest(m.Spec()) }},
	}
	batches := o.Metrics.NewPrometheusHistogramExt("convgraph_predict_batch_images", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256})
	images := o.Metrics.NewCounter("convgraph_predict_images_total")
	s.batcher = newBatcher(m, limits{batch: o.MaxBatch, queue: o.MaxQueue}, func(batch int) {
		batches.Update(float64(batch))
		images.Add(batch)
	})
	o.Metrics.NewGauge("convgraph_predict_queue_images", func() float64 { return float64(s.batcher.Waiting()) })
	return s, nil
}

func (o Options) orDefaults(imageSize int) Options {
	const valueBytes = 4
	if o.MaxBatch == 0 {
		o.MaxBatch = min(64, max(1, batchMemory/valueBytes/imageSize))
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = min(1024, max(1, queueMemory/valueBytes/imageSize))
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Metrics == nil {
		o.Metrics = web.NewMetrics()
	}
	if o.maxPixels == 0 {
		o.maxPixels = mostPixels
	}
	return o
}

// Ready says why the service can't predict: the model's parameters or outputs aren't finite. It is nil if it can.
func (s *Service) Ready() error { return s.unready }

// Register adds /predict to the routes.
func (s *Service) Register(mux *http.ServeMux) { mux.Handle("/predict", s) }

// Close computes what waits, and ends the service. Requests that come later are turned away.
func (s *Service) Close() { s.batcher.Close() }

// ServeHTTP answers a request with a prediction, or an array of them, as convgraph predict -json has them.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		web.Error(w, http.StatusMethodNotAllowed, fmt.Errorf("method is %s: want POST", r.Method))
		return
	}
	q := s.requests.Get().(*request)
	defer s.release(q)
	if err := s.answer(w, r, q); err != nil {
		s.refuse(w, err)
	}
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, q *request) error {
	if s.unready != nil {
		return refusal{http.StatusServiceUnavailable, s.unready}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
	defer cancel()
	if err := s.read(ctx, r, q); err != nil {
		return err
	}
	if err := s.batcher.Predict(ctx, q.room(s.model.Classes()), q.images, q.count()); err != nil {
		return err
	}
	if err := classify.CheckFinite(q.room(s.model.Classes())); err != nil {
		return refusal{http.StatusServiceUnavailable, err}
	}
	if !q.list {
		web.WriteJSON(w, http.StatusOK, s.prediction(q, 0))
		return nil
	}
	all := make([]*classify.Prediction, q.count())
	for i := range all {
		all[i] = s.prediction(q, i)
	}
	web.WriteJSON(w, http.StatusOK, all)
	return nil
}

func (s *Service) prediction(q *request, i int) *classify.Prediction {
	classes := s.model.Classes()
	return classify.NewPrediction(s.model.Spec(), q.samples[i].name, q.samples[i].ink, q.probabilities[i*classes:(i+1)*classes])
}

func (s *Service) release(q *request) {
	q.reset()
	s.requests.Put(q)
}

// A refusal is an error with the status it is answered with.
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
