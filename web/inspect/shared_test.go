package inspect_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/web/inspect"
)

func newModel(t *testing.T, spec *graph.Spec, seed uint64) *graph.Model {
	m, err := graph.New(spec, graph.WithSeed(seed))
	require.NoError(t, err)
	return m
}

// serve returns the page of the models as snapshots.
func serve(t *testing.T, models ...*graph.Model) http.Handler {
	var snapshots []inspect.Snapshot
	for i, m := range models {
		snapshots = append(snapshots, inspect.Snapshot{Label: strings.Repeat("later ", i) + "on", Model: m})
	}
	p, err := inspect.New(snapshots, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	p.Register(mux)
	return mux
}

func request(h http.Handler, method, url string, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, url, bytes.NewReader(body)))
	return w
}

// noise returns an input of random values from 0 to 1.
func noise(m *graph.Model) []float32 {
	random := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, m.Spec().Input.TotalSize())
	for i := range x {
		x[i] = random.Float32()
	}
	return x
}

func asBytes(x []float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func asFloats(t *testing.T, b []byte) []float32 {
	require.Zero(t, len(b)%4)
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

func activations(t *testing.T, m *graph.Model, x []float32) (all [][]float32) {
	batch := tensor.New(tensor.WithShape(append(tensor.Shape{1}, m.Spec().Input...)...), tensor.WithBacking(x))
	a, err := m.Activations(batch)
	require.NoError(t, err)
	for _, layer := range a {
		all = append(all, layer.Value.Float32s())
	}
	return all
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

func errorOf(t *testing.T, body []byte) string {
	var answer struct{ Error string }
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	return answer.Error
}
