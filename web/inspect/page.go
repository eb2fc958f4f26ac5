// Package inspect is a page that shows what a network computes: for a drawn digit or any picture it
// shows every layer's maps and the probabilities, and explains how each number was computed.
//
// The page is plain HTML, CSS and JavaScript in the binary. The model's own kernels compute its
// numbers for each request. Nothing is kept between requests, so any number of readers can use it
// at once.
package inspect

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"runtime"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/web/internal/pictures"
	"convgraph/web/ui"
)

//go:embed assets
var assets embed.FS

// A Snapshot is a model at one moment of its training.
type Snapshot struct {
	Label string // "before learning", "epoch 3", "after learning"
	Model *graph.Model
}

// A Page shows snapshots of one network. It is safe for concurrent use.
type Page struct {
	snapshots []Snapshot
	network   *network
	samples   []byte        // a PNG with sample pictures side by side; nil if the network takes no pictures
	heats     chan struct{} // a semaphore: one heat map at a time, since it can take seconds
	slots     chan struct{} // a semaphore of computing requests: it bounds the memory of activations
	pictures  *pictures.Lanes
}

// New makes the page of a network's snapshots, in the order of its training. They must have the
// same spec and float32 parameters.
//
// samples is a sheet of sample pictures, as [OpenSamples] reads it. With nil a network that takes
// pictures gets built-in ones.
func New(snapshots []Snapshot, samples []byte) (*Page, error) {
	if len(snapshots) == 0 {
		return nil, errors.New("inspect: got no snapshots, want at least one")
	}
	var first []byte
	for i, s := range snapshots {
		if s.Model.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("inspect: snapshot %q: got %v, want float32", s.Label, s.Model.Dtype())
		}
		spec, err := json.Marshal(s.Model.Spec())
		if err != nil {
			return nil, fmt.Errorf("inspect: snapshot %q: %w", s.Label, err)
		}
		if i == 0 {
			first = spec
		}
		if !bytes.Equal(spec, first) {
			return nil, fmt.Errorf("inspect: snapshot %q is of another network than %q: want snapshots of one",
				s.Label, snapshots[0].Label)
		}
	}
	n, err := describe(snapshots)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	if samples, n.Samples, err = samplesOf(snapshots[0].Model.Spec(), samples); err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return &Page{
		snapshots: snapshots, network: n, samples: samples, pictures: pictures.NewLanes(),
		heats: make(chan struct{}, 1), slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
	}, nil
}

// Files returns the page's own files: index.html, scripts, styles and pictures.
func Files() fs.FS {
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(fmt.Sprintf("inspect: %v", err)) // can't happen: the folder is embedded above
	}
	return files
}

// Register serves the page at /, its files under /inspect/ and its data under /api/:
//
//	GET  /api/network   the layers, the graph and the snapshots' labels, as JSON
//	GET  /api/samples   sample pictures side by side, as PNG
//	GET  /api/filters   the first convolution's weights
//	POST /api/forward   every layer's maps for a picture, as little-endian float32
//	POST /api/explain   how one cell of a layer was computed, as JSON
//	POST /api/heat      how much a class's score depends on each pixel, as little-endian float32
//
// The caller registers the shared files of package ui.
func (p *Page) Register(mux *http.ServeMux) {
	files := Files()
	mux.Handle("GET /{$}", ui.File(files, "index.html"))
	mux.Handle("GET /inspect/", ui.Files("/inspect/", files))
	mux.Handle("/api/network", endpoint(http.MethodGet, p.serveNetwork))
	mux.Handle("/api/samples", endpoint(http.MethodGet, p.serveSamples))
	mux.Handle("/api/filters", endpoint(http.MethodGet, p.serveFilters))
	mux.Handle("/api/forward", endpoint(http.MethodPost, p.serveForward))
	mux.Handle("/api/explain", endpoint(http.MethodPost, p.serveExplain))
	mux.Handle("/api/heat", endpoint(http.MethodPost, p.serveHeat))
}

// compute runs f once a slot is free, unless the client has gone by then.
func (p *Page) compute(r *http.Request, f func() error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
		return f()
	case <-r.Context().Done():
		return r.Context().Err()
	}
}
