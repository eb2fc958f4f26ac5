// Package web is the HTTP server of the commands: addresses, limits of time and size, protection
// from other sites' pages and from panics, metrics, and shutdown. Its subpackages hold the pages
// and the API.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// The limits of every server. A connection that exceeds one is closed.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // of a whole request
	writeTimeout      = 60 * time.Second // from the request's header to the end of the answer; streams set their own
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	drainTimeout      = 10 * time.Second // for running requests when the server shuts down
)

// DefaultMaxBody is the default limit of a request's body in bytes.
const DefaultMaxBody = 8 << 20

// Options configure a server. The zero value is valid.
type Options struct {
	MaxBody int64     // bytes that a request may carry; 0 is DefaultMaxBody
	Metrics *Metrics  // counts requests; nil: new metrics
	Log     io.Writer // receives panics of handlers; nil discards them

	MaxConnections       int // simultaneous connections; 0: DefaultMaxConnections
	MaxClientConnections int // from one address, or one /64 of IPv6; 0: DefaultMaxClientConnections

	Ready       func() error // returns why /readyz answers 503, or nil
	Token       string       // required of every request except /healthz and /readyz; "": none
	Certificate *Certificate // for TLS; nil: plain HTTP
}

// A Server serves a handler, and adds /healthz, /readyz and /metrics.
type Server struct {
	options    Options
	handler    http.Handler
	onShutdown []func()
	ending     atomic.Bool
}

// NewServer returns a server of the handler.
func NewServer(handler http.Handler, o Options) *Server {
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	o.MaxConnections = cmp.Or(o.MaxConnections, DefaultMaxConnections)
	o.MaxClientConnections = cmp.Or(o.MaxClientConnections, DefaultMaxClientConnections)
	s := &Server{options: o}
	mux := http.NewServeMux()
	mux.Handle("/healthz", onlyRead(http.HandlerFunc(health)))
	mux.Handle("/readyz", onlyRead(http.HandlerFunc(s.ready)))
	mux.Handle("/metrics", onlyRead(o.Metrics))
	mux.Handle("/", handler)
	s.handler = mux
	return s
}

// OnShutdown registers a function to call when shutdown begins, for example to end streams.
func (s *Server) OnShutdown(f func()) { s.onShutdown = append(s.onShutdown, f) }

// Serve serves until the context is done. Then it accepts no more requests, waits for running ones
// and returns nil. It returns an error if they take more than ten seconds.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	server := &http.Server{
		Handler: s.guard(s.handler, l.Loopback()), ErrorLog: log.New(s.options.Log, "", 0),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
	}
	for _, f := range s.onShutdown {
		server.RegisterOnShutdown(f)
	}
	failed := make(chan error, 1)
	go func() { failed <- s.listen(server, l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ending.Store(true)
	return drain(server)
}

// listen serves connections within the limits.
func (s *Server) listen(server *http.Server, l *Listener) error {
	refused := s.options.Metrics.GetOrCreateCounter("convgraph_http_connections_refused_total")
	limited := limit(l, s.options.MaxConnections, s.options.MaxClientConnections, func(c net.Conn) {
		refused.Inc()
		if s.options.Certificate == nil {
			sayTooMany(c)
		}
	})
	s.options.Metrics.GetOrCreateGauge("convgraph_http_connections",
		func() float64 { return float64(limited.connections()) })
	if s.options.Certificate == nil {
		return server.Serve(limited)
	}
	server.TLSConfig = s.options.Certificate.config()
	return server.ServeTLS(limited, "", "")
}

// URL returns the server's address for a browser on this machine.
func (s *Server) URL(l *Listener) string {
	if s.options.Certificate == nil {
		return l.URL()
	}
	return "https" + strings.TrimPrefix(l.URL(), "http")
}

func drain(server *http.Server) error {
	patience, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := server.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests were still under way after %v and were cut off", drainTimeout),
			server.Close())
	}
	return err
}

// health answers that the server runs.
func health(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers whether the server can serve: not during shutdown, nor while Options.Ready returns
// an error.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	var err error
	switch {
	case s.ending.Load():
		err = errors.New("the server is ending")
	case s.options.Ready != nil:
		err = s.options.Ready()
	}
	if err != nil {
		Error(w, http.StatusServiceUnavailable, err)
		return
	}
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// onlyRead refuses methods other than GET and HEAD.
func onlyRead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			Error(w, http.StatusMethodNotAllowed, fmt.Errorf("method: got %s, want GET", r.Method))
			return
		}
		next.ServeHTTP(w, r)
	})
}
