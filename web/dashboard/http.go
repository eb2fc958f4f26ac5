package dashboard

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync/atomic"
	"time"

	"convgraph/web"
	"convgraph/web/ui"
)

//go:embed assets
var assets embed.FS

const (
	pollEvery    = 200 * time.Millisecond // how often a reader gets new state
	writeTimeout = 5 * time.Second        // for an event; a slower reader is dropped
	aliveEvery   = 15 * time.Second       // finds readers that have gone
	maxReaders   = 64
)

// Register adds the page at / and its files and requests under /dashboard/.
func (p *Page) Register(mux *http.ServeMux) {
	folder, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(fmt.Sprintf("dashboard: %v", err)) // can't happen: the folder is embedded above
	}
	ui.Register(mux)
	mux.Handle("GET /{$}", ui.File(folder, "index.html"))
	mux.Handle("GET /dashboard/", ui.Files("/dashboard/", folder))
	mux.Handle("GET /dashboard/events", p.bounded(http.HandlerFunc(p.events)))
	mux.HandleFunc(
		"POST /dashboard/stop",
		func(w http.ResponseWriter, _ *http.Request) { p.answer(w, p.Stop(), "no training is running") },
	)
	mux.HandleFunc(
		"POST /dashboard/resume",
		func(w http.ResponseWriter, _ *http.Request) { p.answer(w, p.Resume(), "the training isn't stopped") },
	)
}

// answer writes the training's phase, or why the request was refused.
func (p *Page) answer(w http.ResponseWriter, done bool, why string) {
	phase := p.Phase()
	if !done {
		web.Error(w, http.StatusConflict, fmt.Errorf("%s: it is %s", why, phase))
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]Phase{"phase": phase})
}

func (p *Page) bounded(next http.Handler) http.Handler {
	var readers atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer readers.Add(-1)
		if readers.Add(1) > maxReaders {
			w.Header().Set("Retry-After", "5")
			web.Error(w, http.StatusServiceUnavailable, errors.New("too many pages are open"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// events streams to a reader: the settings once, the filters at the start once, and every state
// that the reader is fast enough for.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	s := &stream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	err := s.sendJSON("settings", struct {
		Title    string    `json:"title"`
		Settings []Setting `json:"settings"`
	}{p.title, p.settings})
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for open := true; err == nil && open; {
		select {
		case <-r.Context().Done():
			return
		case <-p.ended:
			open = false
		case <-poll.C:
		}
		err = s.follow(p)
	}
	if err == nil {
		_ = s.send("end", []byte("{}")) // a client that has gone needs no end
	}
}

// stream is the event stream of one reader.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	started bool // the filters at the start were sent
	version int  // of the last state sent
	wrote   time.Time
}

// follow sends what has changed.
func (s *stream) follow(p *Page) error {
	if start := p.start(); start != nil && !s.started {
		s.started = true
		if err := s.sendJSON("start", start); err != nil {
			return err
		}
	}
	text, version, err := p.latest()
	switch {
	case err != nil:
		return err
	case version != s.version:
		s.version = version
		return s.send("state", text)
	case time.Since(s.wrote) > aliveEvery:
		return s.write(": alive\n\n")
	}
	return nil
}

func (p *Page) start() *filters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.start
}

func (s *stream) sendJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send(name, text)
}

// send writes an event. Its data are JSON, which has no line breaks.
func (s *stream) send(name string, data []byte) error {
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, data))
}

func (s *stream) write(text string) error {
	s.wrote = time.Now()
	if err := s.control.SetWriteDeadline(s.wrote.Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
