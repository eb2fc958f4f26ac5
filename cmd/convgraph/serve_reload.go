package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"convgraph/graph"
	"convgraph/pretrained"
	"convgraph/web"
	"convgraph/web/inspect"
	predicting "convgraph/web/predict"
)

// served is what the server answers with, which new files replace while it runs.
type served struct {
	name        string // of the network at the start
	service     *predicting.Service
	page        atomic.Pointer[http.ServeMux]
	certificate *web.Certificate // nil without TLS

	params, cert, key watched
	log               io.Writer
}

// ServeHTTP answers with the page.
func (n *served) ServeHTTP(w http.ResponseWriter, r *http.Request) { n.page.Load().ServeHTTP(w, r) }

// open reads the network with its snapshots. The last one is the one that predicts.
func (n *served) open() (*graph.Model, *http.ServeMux, error) {
	snapshots, err := n.snapshots()
	if err != nil {
		return nil, nil, err
	}
	samples, err := n.samples()
	if err != nil {
		return nil, nil, err
	}
	page, err := inspect.New(snapshots, samples)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	page.Register(mux)
	return snapshots[len(snapshots)-1].Model, mux, nil
}

func (n *served) snapshots() ([]inspect.Snapshot, error) {
	if n.params.path == "" {
		return inspect.Default()
	}
	if n.params.path == pretrained.SqueezeNetName {
		m, err := pretrained.SqueezeNet()
		return []inspect.Snapshot{{Label: "as it comes", Model: m}}, err
	}
	return inspect.Open(n.params.path)
}

// samples is the sheet of sample pictures beside a parameter file, or nil for the built-in pictures.
func (n *served) samples() ([]byte, error) {
	if n.params.path == "" || n.params.path == pretrained.SqueezeNetName {
		return nil, nil
	}
	return inspect.OpenSamples(n.params.path)
}

// files are those that are read again.
func (n *served) files() []*watched { return []*watched{&n.params, &n.cert, &n.key} }

// pollInterval is how often files are looked at. Unlike the system's notifications this works on
// every file system, and with Kubernetes's links.
var pollInterval = 2 * time.Second

// reloadOnChange reads files again that have changed, and all of them on a hangup, until the
// context is done.
func (n *served) reloadOnChange(ctx context.Context, hangups <-chan os.Signal) {
	ticks := time.NewTicker(pollInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			for _, f := range n.files() {
				f.take()
			}
			n.reloadParams()
			n.reloadCertificate()
		case <-ticks.C:
			if n.params.changed() {
				n.reloadParams()
			}
			// A certificate and its key change one after the other; a pair that doesn't fit is
			// refused, and the second change brings the right one.
			if cert, key := n.cert.changed(), n.key.changed(); cert || key {
				n.reloadCertificate()
			}
		}
	}
}

// reloadParams serves the parameter file's new content. If it can't be served the old one stays.
func (n *served) reloadParams() {
	if n.params.path == "" {
		return
	}
	m, page, err := n.open()
	if err == nil {
		err = n.service.Replace(m)
	}
	if err != nil {
		fmt.Fprintf(n.log, "convgraph: the parameters stay as they are: %v\n", err)
		return
	}
	n.page.Store(page)
	fmt.Fprintf(n.log, "convgraph: serving %s from the new %s\n", m.Spec().Name, n.params.path)
}

func (n *served) reloadCertificate() {
	if n.certificate == nil {
		return
	}
	if err := n.certificate.Reload(); err != nil {
		fmt.Fprintf(n.log, "convgraph: the certificate stays as it is: %v\n", err)
		return
	}
	fmt.Fprintf(n.log, "convgraph: using the new %s\n", n.cert.path)
}

// watched is a file that is read again when it changes; none if the path is "".
type watched struct {
	path  string
	taken os.FileInfo // when it was read; nil if it wasn't there
	seen  os.FileInfo // at the last look, if it was new then
}

// take says that the file is read now.
func (w *watched) take() {
	w.taken, w.seen = w.stat(), nil
}

func (w *watched) stat() os.FileInfo {
	if w.path == "" {
		return nil
	}
	info, err := os.Stat(w.path)
	if err != nil {
		return nil
	}
	return info
}

// changed says whether to read the file now: when it differs from what was read, and hasn't changed
// between two looks. Another program may be writing it.
func (w *watched) changed() bool {
	now := w.stat()
	switch {
	case now == nil || same(now, w.taken):
		w.seen = nil
		return false
	case !same(now, w.seen):
		w.seen = now
		return false
	}
	w.taken, w.seen = now, nil
	return true
}

func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}
