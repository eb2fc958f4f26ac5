// Package web answers HTTP for the commands: where they listen, how long a request may take and how large it may be, what a failing handler
// and a stranger's page may not do, the figures of /metrics and the way a server ends. What there is to see and to ask lies in the packages
// below it.
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

// The limits of every server. A connection that keeps none of them is closed.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // of a whole request
	writeTimeout      = 60 * time.Second // from the request's header to the answer's end; streams set their own
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	drainTimeout      = 10 * time.Second // for requests under way when the server ends
)

// DefaultMaxBody is the most bytes a request may carry: more than any photograph of a digit has.
const DefaultMaxBody = 8 << 20

// Options are what a server may do without.
type Options struct {
	MaxBody int64     // bytes that a request may carry; 0 is DefaultMaxBody
	Metrics *Metrics  // where requests are counted; nil is new ones
	Log     io.Writer // for what handlers panic with; nil drops it

	MaxConnections       int // at the same time; 0 is DefaultMaxConnections
	MaxClientConnections int // of one address, or one /64 of IPv6; 0 is DefaultMaxClientConnections

	Ready       func() error // nil, or why /readyz says 503
	Token       string       // that requests must carry but for /healthz and /readyz; "" asks for none
	Certificate *Certificate // for TLS; nil is plain HTTP
}

// A Server answers with a handler. It adds /healthz, /readyz and /metrics to it.
type Server struct {
	options    Options
	handler    http.Handler
	onShutdown []func()
	ending     atomic.Bool
}

// NewServer serves handler.
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

// OnShutdown adds what is called when the server begins to end: streams, which no answer ends, must be told.
func (s *Server) OnShutdown(f func()) { s.onShutdown = append(s.onShutdown, f) }

// Serve answers until the context is done. Then it takes no more requests, lets those under way finish, and returns nil; it is an error if
// they don't within ten seconds.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	server := &http.Server{
		Handler: s.guard(s.handler, l.Loopback()), ErrorLog: log.New(s.options.Log, "", 0),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
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

// listen answers connections within the limits.
func (s *Server) listen(server *http.Server, l *Listener) error {
	refused := s.options.Metrics.GetOrCreateCounter("convgraph_http_connections_refused_total")
	limited := limit(l, s.options.MaxConnections, s.options.MaxClientConnections, func(c net.Conn) {
		refused.Inc()
		if s.options.Certificate == nil {
			sayTooMany(c)
		}
	})
	s.options.Metrics.GetOrCreateGauge("convgraph_http_connections", func() float64 { return float64(limited.connections()) })
	if s.options.Certificate == nil {
		return server.Serve(limited)
	}
	server.TLSConfig = s.options.Certificate.config()
	return server.ServeTLS(limited, "", "")
}

// URL is where a browser on this machine finds the server.
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
		return errors.Join(fmt.Errorf("requests were still under way after %v and were cut off", drainTimeout), server.Close())
	}
	return err
}

// health says that the server is there.
func health(w http.ResponseWriter, _ *http.Request) {
	WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether the server is to be asked: it isn't when it ends, or when Options.Ready says
// why.
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

// onlyRead refuses what isn't GET or HEAD.
func onlyRead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			Error(w, http.StatusMethodNotAllowed, fmt.Errorf("method is %s: want GET", r.Method))
			return
		}
		next.ServeHTTP(w, r)
	})
}
