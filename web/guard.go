package web

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"time"
)

// guard wraps a handler: it counts requests, refuses those from other sites' pages, bounds the body
// and answers for a handler that panics.
func (s *Server) guard(handler http.Handler, loopback bool) http.Handler {
	h := s.boundBody(handler)
	if s.options.Token != "" {
		h = requireToken(s.options.Token, h)
	}
	h = refuseOtherSites(h)
	if loopback {
		h = refuseOtherHosts(h)
	}
	return s.record(s.recoverPanics(h))
}

// boundBody refuses a body whose declared length is too large, and stops reading one that proves
// too large.
func (s *Server) boundBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if most := s.options.MaxBody; r.ContentLength > most {
			Error(w, http.StatusRequestEntityTooLarge,
				fmt.Errorf("the body: got %d bytes, want at most %d", r.ContentLength, most))
			return
		}
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, s.options.MaxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// refuseOtherSites refuses requests other than GET and HEAD from pages of other sites. Programs
// that aren't browsers send no origin and pass.
func refuseOtherSites(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Error(w, http.StatusForbidden,
			errors.New("the request comes from a page of another site: only this server's own pages may send it"))
	}))
	return protection.Handler(next)
}

// refuseOtherHosts protects a loopback server from DNS rebinding, where a site's name resolves to
// this machine: the browser still sends the site's name as Host.
func refuseOtherHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !isLocalHost(r.Host) {
			Error(w, http.StatusMisdirectedRequest,
				fmt.Errorf("the request is for host %q: this server is bound to loopback and answers for localhost",
					r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics answers 500 for a handler that panics, and logs the stack. If the answer had begun,
// it closes the connection, so that the client doesn't take the part for the whole.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			what := recover()
			if what == nil {
				return
			}
			if err, ok := what.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(what)
			}
			log.New(s.options.Log, "", 0).Printf("%s %s: panic: %v\n%s", r.Method, r.URL.Path, what, debug.Stack())
			if begun(w) {
				panic(http.ErrAbortHandler)
			}
			Error(w, http.StatusInternalServerError, errors.New("an error of the server's, which its log tells about"))
		}()
		next.ServeHTTP(w, r)
	})
}

// record counts the request and times it.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		observed := &observedWriter{ResponseWriter: w}
		defer func() { s.options.Metrics.observe(r.Pattern, observed.status, time.Since(began)) }()
		next.ServeHTTP(observed, r)
	})
}

// observedWriter records the answer's status, 0 before there is one.
type observedWriter struct {
	http.ResponseWriter
	status int
}

func begun(w http.ResponseWriter) bool {
	observed, ok := w.(*observedWriter)
	return ok && observed.status != 0
}

func (w *observedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *observedWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] flush and set deadlines.
func (w *observedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
