package inspect_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
	"convgraph/web/inspect"
)

// colors is a network of 8×12 pixels in color that reads them less a mean, divided by a std.
func colors() *graph.Spec {
	spec := graph.Sequential("colors", tensor.Shape{3, 8, 12}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	spec.Preprocess = &picture.Preprocessing{Mean: []float64{0.4, 0.5, 0.6}, Std: []float64{0.1, 0.2, 0.3}}
	return spec
}

func encoded(t *testing.T, img image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func samples(t *testing.T, spec *graph.Spec, own []byte) (count int, sheet []byte) {
	p, err := inspect.New([]inspect.Snapshot{{Label: "on", Model: newModel(t, spec, 1)}}, own)
	require.NoError(t, err)
	mux := http.NewServeMux()
	p.Register(mux)
	type network struct{ Samples int }
	count = decode[network](t, request(mux, http.MethodGet, "/api/network", nil)).Samples
	w := request(mux, http.MethodGet, "/api/samples", nil)
	if count == 0 {
		assert.Equal(t, http.StatusNotFound, w.Code)
		return 0, nil
	}
	assert.Equal(t, "image/png", w.Header().Get("Content-Type"))
	return count, w.Body.Bytes()
}

// TestSamples: digits for a network of digits, photographs for others that take pictures, and a
// training's own where there are some.
func TestSamples(t *testing.T) {
	count, sheet := samples(t, models.DefaultSimpleConvNet().Spec(), nil)
	digits, err := os.ReadFile("assets/samples.png")
	require.NoError(t, err)
	assert.Equal(t, 10, count)
	assert.Equal(t, digits, sheet)

	count, sheet = samples(t, colors(), nil)
	assert.Equal(t, 3, count)
	photographs, err := png.Decode(bytes.NewReader(sheet))
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 36, 8), photographs.Bounds())
	s, err := classify.Preprocessing(colors()).Read("photographs/coffee.jpg", colors().Input)
	require.NoError(t, err)
	assert.Equal(t, encoded(t, classify.Sheet(colors(), [][]float32{s.Pixels})),
		encoded(t, photographs.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(image.Rect(12, 0, 24, 8))), "the second is the second file")

	own := encoded(t, image.NewGray(image.Rect(0, 0, 24, 8)))
	count, sheet = samples(t, colors(), own)
	assert.Equal(t, 2, count)
	assert.Equal(t, own, sheet)

	count, _ = samples(t, graph.Sequential("numbers", tensor.Shape{4}, graph.He(), graph.Affine{Units: 2}), nil)
	assert.Zero(t, count)
}

func TestBadSamples(t *testing.T) {
	for text, sheet := range map[string][]byte{
		"samples.png: png: invalid format: not a PNG file": []byte("not a picture"),
		"samples.png: got 24×9 pixels, want 1 to 64 pictures of 12×8 side by side": encoded(t,
			image.NewGray(image.Rect(0, 0, 24, 9))),
		"samples.png: got 25×8 pixels, want 1 to 64 pictures of 12×8 side by side": encoded(t,
			image.NewGray(image.Rect(0, 0, 25, 8))),
		"samples.png: got 780×8 pixels, want 1 to 64 pictures of 12×8 side by side": encoded(t,
			image.NewGray(image.Rect(0, 0, 780, 8))),
	} {
		_, err := inspect.New([]inspect.Snapshot{{Label: "on", Model: newModel(t, colors(), 1)}}, sheet)
		assert.EqualError(t, err, "inspect: "+text)
	}
}

func TestOpenSamples(t *testing.T) {
	dir := t.TempDir()
	params := filepath.Join(dir, "params.safetensors")
	sheet, err := inspect.OpenSamples(params)
	require.NoError(t, err)
	assert.Nil(t, sheet)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "samples.png"), []byte("x"), 0o644))
	sheet, err = inspect.OpenSamples(params)
	require.NoError(t, err)
	assert.Equal(t, []byte("x"), sheet)
}
