package models_test

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/models"
)

// bookArray is an array as testdata holds it.
type bookArray struct {
	Shape tensor.Shape `json:"shape"`
	Data  []float64    `json:"data"`
}

// TestGradientsAreTheBooks holds the book's gradient-check network against ours: the logits and all
// gradients to 1e-12.
func TestGradientsAreTheBooks(t *testing.T) {
	var book struct {
		Params, Backprop map[string]bookArray
		X, Logits        bookArray
		T                []float64
		Loss             float64
	}
	readJSON(t, "testdata/book_gradients.json.gz", &book)
	m, err := graph.New(models.GradientCheckNet().Spec(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	setBookParams(t, m, book.Params)
	x := tensor.New(tensor.WithShape(book.X.Shape...), tensor.WithBacking(book.X.Data))
	label := tensor.New(tensor.WithShape(1), tensor.WithBacking(book.T))

	logits, err := m.Predict(x)
	require.NoError(t, err)
	assert.InDeltaSlice(t, book.Logits.Data, logits.Float64s(), 1e-12)

	loss, err := m.Loss(x, label)
	require.NoError(t, err)
	assert.InDelta(t, book.Loss, -math.Log(math.Exp(-loss)+1e-7), 1e-12)

	grads, err := m.Gradient(x, label)
	require.NoError(t, err)
	for i, n := range models.BookNames(m) {
		require.Equal(t, n.Name, grads[i].Name)
		assert.InDeltaSlice(t, ours(book.Backprop[n.Book], n).Float64s(), grads[i].Value.Float64s(), 1e-12, n.Name)
	}
}

func setBookParams(t *testing.T, m *graph.Model, params map[string]bookArray) {
	t.Helper()
	var arrays []formats.Array
	for _, n := range models.BookNames(m) {
		arrays = append(arrays, formats.Array{Name: n.Name, Value: ours(params[n.Book], n)})
	}
	require.NoError(t, m.SetParams(arrays))
}

// ours is an array of the book's in our layout.
func ours(a bookArray, n models.BookName) *tensor.Dense {
	if !n.Transposed {
		return tensor.New(tensor.WithShape(a.Shape...), tensor.WithBacking(a.Data))
	}
	in, out := a.Shape[0], a.Shape[1]
	data := make([]float64, len(a.Data))
	for i := range in {
		for o := range out {
			data[o*in+i] = a.Data[i*out+o]
		}
	}
	return tensor.New(tensor.WithShape(out, in), tensor.WithBacking(data))
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(into))
}
