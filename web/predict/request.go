package predict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/semaphore"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// request holds the content of one request. Its memory is reused by later requests.
type request struct {
	engine        *engine
	spec          *graph.Spec
	images        []float32 // values of all samples, one image after another
	samples       []sample
	probabilities []float32
	list          bool // the answer is an array

	meter   meter
	decoder *jsontext.Decoder
	nest    nest   // of the image being read
	flat    [1]int // the shape of a flat one
	picture bytes.Buffer
}

// sample describes an image apart from its values.
type sample struct {
	name string
	ink  picture.Ink
}

func newRequest(e *engine) *request {
	return &request{engine: e, spec: e.model.Spec(), decoder: new(jsontext.Decoder)}
}

// release returns the request to the pool.
func (q *request) release() {
	q.reset()
	q.engine.requests.Put(q)
}

// prediction returns the model's prediction for image i.
func (q *request) prediction(i int) *classify.Prediction {
	classes := q.engine.model.Classes()
	return classify.NewPrediction(q.engine.model, q.samples[i].name, q.samples[i].ink,
		q.probabilities[i*classes:(i+1)*classes])
}

// keptMemory bounds the buffer kept for reuse, so that a single large picture doesn't hold its
// memory forever.
const keptMemory = 1 << 20

func (q *request) reset() {
	q.images, q.samples, q.list = q.images[:0], q.samples[:0], false
	if q.picture.Cap() > keptMemory {
		q.picture = bytes.Buffer{}
	}
}

func (q *request) count() int { return len(q.samples) }

// outputs returns the memory for the images' probabilities.
func (q *request) outputs() []float32 {
	n := q.count() * q.engine.model.Classes()
	q.probabilities = slices.Grow(q.probabilities[:0], n)[:n]
	return q.probabilities
}

// meter reads a body within the memory limit of all bodies. It reserves memory as bytes arrive, not
// by the declared length, so a client that declares much and sends slowly blocks nobody.
type meter struct {
	body        io.Reader
	budget      *semaphore.Weighted
	taken, free int64 // reserved bytes, and those of them not yet used
}

// meterStep is how many bytes a meter reserves at once.
const meterStep = 64 << 10

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	for m.free < int64(n) {
		if !m.budget.TryAcquire(meterStep) {
			return 0, refusef(http.StatusServiceUnavailable, "too many large requests at once: try again in a moment")
		}
		m.taken += meterStep
		m.free += meterStep
	}
	m.free -= int64(n)
	return n, err
}

func (m *meter) release() {
	m.budget.Release(m.taken)
	*m = meter{}
}

// contentTypes lists the accepted types of a body, for errors.
var contentTypes = "application/json, " + strings.Join(picture.MediaTypes, ", ") + " or multipart/form-data"

// read reads the images of a request's body.
func (s *Service) read(ctx context.Context, r *http.Request, q *request) error {
	q.meter = meter{body: r.Body, budget: s.bodies}
	defer q.meter.release()
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return refusef(http.StatusUnsupportedMediaType, "Content-Encoding: got %q, want none", coding)
	}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return refusef(http.StatusUnsupportedMediaType, "Content-Type: got %q, want %s", r.Header.Get("Content-Type"),
			contentTypes)
	}
	switch {
	case kind == "application/json":
		return bodyError(q.readDocument(&q.meter, q.engine.limits.batch))
	case slices.Contains(picture.MediaTypes, kind):
		ink, err := inkOf(r)
		if err != nil {
			return err
		}
		return bodyError(s.readPicture(ctx, q, &q.meter, "", ink))
	case kind == "multipart/form-data":
		ink, err := inkOf(r)
		if err != nil {
			return err
		}
		return bodyError(s.readForm(ctx, q, &q.meter, parameters["boundary"], ink))
	}
	return refusef(http.StatusUnsupportedMediaType, "Content-Type: got %q, want %s", kind, contentTypes)
}

// inkOf returns the pictures' ink from the URL's query.
func inkOf(r *http.Request) (picture.Ink, error) {
	switch ink := r.URL.Query().Get("ink"); ink {
	case "", "detect":
		return picture.Detect, nil
	case "dark":
		return picture.Dark, nil
	case "light":
		return picture.Light, nil
	default:
		return "", refusef(http.StatusBadRequest, "ink: got %q, want detect, dark or light", ink)
	}
}

// bodyError gives errors of reading the body their HTTP status.
func bodyError(err error) error {
	if err == nil {
		return nil
	}
	var known refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known), errors.As(err, &tooLarge):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded): // the connection's deadline, set by package web
		return refusal{http.StatusRequestTimeout, errors.New("the body didn't come in time")}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refusal{http.StatusBadRequest, fmt.Errorf("the body is cut off: %w", err)}
	}
	return refusal{http.StatusBadRequest, fmt.Errorf("the body can't be read: %w", err)}
}
