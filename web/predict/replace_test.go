package predict

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"math"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/testutil"
)

// other returns a model of the same network with other parameters.
func other(t *testing.T, spec *graph.Spec) *graph.Model {
	t.Helper()
	m, err := graph.New(spec, graph.WithSeed(4))
	require.NoError(t, err)
	return m
}

// TestReplace: new requests get the new model, running ones the old.
func TestReplace(t *testing.T) {
	s := service(t, colors(), Options{})
	v := values(12, 1)
	before, after := want(t, s.current.model, v), want(t, other(t, colors()), v)
	require.NotEqual(t, before, after)
	e := s.engine() // of a running request
	require.NoError(t, s.Replace(other(t, colors())))
	assert.Equal(t, after, decoded[classify.Prediction](t, postJSON(s, map[string]any{"image": v})))
	assert.NoError(t, <-ask(context.Background(), e.batcher, 1), "the old one still computes")
	e.users.Done()

	larger := graph.Sequential("larger", []int{1, 2, 2}, graph.He(), graph.Affine{Units: 3}, graph.Softmax{})
	require.NoError(t, s.Replace(other(t, larger)), "another network may replace it")
	refused(t, postJSON(s, map[string]any{"image": v}), 422, "want 4")
	require.Equal(t, 200, postJSON(s, map[string]any{"image": values(4, 1)}).Code)
}

// TestReplaceRefuses: models that can't be served are refused, and the old one stays.
func TestReplaceRefuses(t *testing.T) {
	s := service(t, colors(), Options{})
	v := values(12, 1)
	before := want(t, s.current.model, v)
	double, err := graph.New(colors(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	assert.ErrorContains(t, s.Replace(double), "want float32")
	assert.EqualError(t, s.Replace(spoiled(t, float32(math.NaN()))),
		`model "colors": parameter "fc1.weight": got NaN at [0 1], want finite numbers`)
	assert.NoError(t, s.Ready())
	assert.Equal(t, before, decoded[classify.Prediction](t, postJSON(s, map[string]any{"image": v})))
	s.Close()
	assert.ErrorIs(t, s.Replace(other(t, colors())), ErrClosed)
}

// spoiled returns a model with one bad weight.
func spoiled(t *testing.T, v float32) *graph.Model {
	t.Helper()
	m := model(t, colors())
	m.Params()[0].Value.Float32s()[1] = v
	return m
}

// TestNotFinite: non-finite parameters or answers give 503, never a number.
func TestNotFinite(t *testing.T) {
	for _, v := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		s, err := New(spoiled(t, v), Options{})
		require.NoError(t, err)
		assert.ErrorContains(t, s.Ready(), "want finite numbers")
		w := postJSON(s, map[string]any{"image": values(12, 1)})
		refused(t, w, http.StatusServiceUnavailable, fmt.Sprintf(`parameter "fc1.weight": got %v at [0 1]`, v))
		require.NoError(t, s.Replace(model(t, colors())), "new parameters heal it")
		assert.NoError(t, s.Ready())
		assert.Equal(t, 200, postJSON(s, map[string]any{"image": values(12, 1)}).Code)
		s.Close()
	}

	large := model(t, colors())
	for _, row := range []int{0, 1} {
		w := large.Params()[0].Value.Float32s()
		for i := range 12 {
			w[row*12+i] = math.MaxFloat32
		}
	}
	s, err := New(large, Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.NoError(t, s.Ready(), "all is finite so far")
	white := make([]float64, 12)
	for i := range white {
		white[i] = 1
	}
	refused(t, postJSON(s, map[string]any{"image": white}), http.StatusServiceUnavailable,
		"the model's output 0: got NaN, want finite numbers")
	assert.ErrorContains(t, s.Ready(), "the model's output 0: got NaN")
	assert.Equal(t, 200, postJSON(s, map[string]any{"image": make([]float64, 12)}).Code, "a finite answer is given")
}

// TestReplaceUnderLoad: while models are replaced no request is dropped, each answer is from one
// model, and old engines stop.
func TestReplaceUnderLoad(t *testing.T) {
	models := []*graph.Model{model(t, colors()), other(t, colors())}
	v := values(12, 1)
	probability := map[int]float64{}
	for _, m := range models {
		p := want(t, m, v)
		probability[p.Class] = float64(p.Probability)
	}
	require.Len(t, probability, 2, "the models differ in the class")
	s, err := New(models[0], Options{})
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	var over atomic.Bool
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for !over.Load() {
				w := postJSON(s, map[string]any{"image": v})
				if assert.Equal(t, 200, w.Code, w.Body.String()) {
					got := decoded[classify.Prediction](t, w)
					assert.InDelta(t, probability[got.Class], got.Probability, 1e-5) // rounding depends on the batch
				}
			}
		})
	}
	for i := range 50 {
		require.NoError(t, s.Replace(models[i%2]))
	}
	over.Store(true)
	askers.Wait()
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before)
	s.Close()
}

// TestSmallPicturesDoNotWait: a picture of 28x28 is answered before half of eight pictures of
// 4096x4096 that came first, which are decoded one at a time.
func TestSmallPicturesDoNotWait(t *testing.T) {
	s := service(t, digits(), Options{Timeout: time.Hour})
	large, small := flat(t, 4096), flat(t, 28)
	var done atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w := post(s, "image/png", bytes.NewReader(large))
			assert.Equal(t, 200, w.Code, w.Body.String())
			done.Add(1)
		})
	}
	full := func() bool { // reports whether the large lane's memory is taken
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		release, err := s.pictures.Acquire(ctx, image.Pt(4096, 4096))
		if err == nil {
			release()
		}
		return err != nil
	}
	for !full() {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	for range 5 {
		require.Equal(t, 200, post(s, "image/png", bytes.NewReader(small)).Code)
	}
	t.Logf("a picture of 28x28 took %v", time.Since(began)/5)
	assert.Less(t, done.Load(), int64(4))
	all.Wait()
}
