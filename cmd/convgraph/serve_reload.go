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

// served is the state that requests are answered from. New files replace it while the server runs.
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

// open reads the network with its snapshots. The last snapshot predicts.
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

// samples reads the sheet of sample pictures beside a parameter file; nil means the built-in ones.
func (n *served) samples() ([]byte, error) {
	if n.params.path == "" || n.params.path == pretrained.SqueezeNetName {
		return nil, nil
	}
	return inspect.OpenSamples(n.params.path)
}

// files lists the watched files.
func (n *served) files() []*watched { return []*watched{&n.params, &n.cert, &n.key} }

// pollInterval is the time between two looks at the files. Polling works on every file system and
// with Kubernetes's links; notifications of the system don't.
var pollInterval = 2 * time.Second

// reloadOnChange reloads changed files, and all files on a hangup, until the context is done.
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
			// A certificate and its key change one after the other. The first reload fails because
			// they don't match, the second succeeds.
			if cert, key := n.cert.changed(), n.key.changed(); cert || key {
				n.reloadCertificate()
			}
		}
	}
}

// reloadParams serves the parameter file's new content, or on an error the old content.
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

// watched is a file to reload when it changes. An empty path never changes.
type watched struct {
	path  string
	taken os.FileInfo // when it was read; nil if it was missing
	seen  os.FileInfo // at the last look, if it had changed
}

// take records the file's state before it is read.
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

// changed reports whether to read the file: it differs from what was read, and stayed the same
// between two looks, so that no program is still writing it.
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
