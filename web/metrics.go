package web

import (
	"cmp"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// requestSeconds are the upper bounds of the latency histogram.
var requestSeconds = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}

// Metrics are a server's metrics in Prometheus's text format: requests by path and code, their
// latency, Go's memory and goroutines, and whatever is added to the set.
type Metrics struct {
	*metrics.Set

	mu       sync.RWMutex
	requests map[request]*metrics.Counter
	seconds  map[string]*metrics.PrometheusHistogram // by path
}

// request is the key by which requests are counted.
type request struct {
	path string
	code int
}

// NewMetrics returns metrics that start at 0.
func NewMetrics() *Metrics {
	metrics.ExposeMetadata(true) // writes the TYPE lines that Prometheus's format requires
	return &Metrics{Set: metrics.NewSet(), requests: map[request]*metrics.Counter{},
		seconds: map[string]*metrics.PrometheusHistogram{}}
}

// ServeHTTP answers with all metrics.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}

// observe counts a request under the pattern of the handler that answered. Paths without a handler
// share one count, so that clients can't grow the table.
func (m *Metrics) observe(pattern string, status int, took time.Duration) {
	r := request{cmp.Or(pattern, "none"), cmp.Or(status, http.StatusOK)}
	m.mu.RLock()
	requests, seconds := m.requests[r], m.seconds[r.path]
	m.mu.RUnlock()
	if requests == nil {
		requests, seconds = m.add(r)
	}
	requests.Inc()
	seconds.Update(took.Seconds())
}

func (m *Metrics) add(r request) (*metrics.Counter, *metrics.PrometheusHistogram) {
	requests := m.GetOrCreateCounter(fmt.Sprintf("convgraph_http_requests_total{handler=%q,code=\"%d\"}", r.path,
		r.code))
	seconds := m.GetOrCreatePrometheusHistogramExt(fmt.Sprintf("convgraph_http_request_seconds{handler=%q}", r.path),
		requestSeconds)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[r], m.seconds[r.path] = requests, seconds
	return requests, seconds
}
