package inspect

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// serveForward answers with the input and each layer's shown maps, one after another in float32.
func (p *Page) serveForward(w http.ResponseWriter, r *http.Request) error {
	s, err := p.snapshot(r)
	if err != nil {
		return err
	}
	m, err := p.receive(w, r, r.URL.Query().Get("form"))
	if err != nil {
		return err
	}
	began := time.Now()
	x, err := p.input(r.Context(), m)
	if err != nil {
		return err
	}
	var out []byte
	err = p.compute(r, func() error {
		a, err := activations(s.Model, x)
		if err != nil {
			return err
		}
		out = p.appendShown(nil, x, a)
		return nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.Header().Set("Server-Timing", fmt.Sprintf("forward;dur=%.3f", time.Since(began).Seconds()*1000))
	_, _ = w.Write(out) // a client that has gone needs no answer
	return nil
}

// activations returns each layer's output for one input.
func activations(m *graph.Model, x []float32) ([][]float32, error) {
	batch := tensor.New(tensor.WithShape(append(tensor.Shape{1}, m.Spec().Input...)...), tensor.WithBacking(x))
	all, err := m.Activations(batch)
	if err != nil {
		return nil, err
	}
	values := make([][]float32, len(all))
	for i, a := range all {
		values[i] = a.Value.Float32s()
	}
	return values, nil
}

func (p *Page) appendShown(out []byte, x []float32, activations [][]float32) []byte {
	out = appendFloats(out, x)
	for i, l := range p.network.Layers {
		out = appendFloats(out, activations[i][:l.Shown*l.Output.plane()])
	}
	return out
}

func appendFloats(out []byte, values []float32) []byte {
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
