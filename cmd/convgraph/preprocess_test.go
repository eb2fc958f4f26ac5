package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// sides saves a network for gray 28x28 pictures that tells on which side the light is. MNIST's
// centering would remove that.
func sides(t *testing.T, preprocess *picture.Preprocessing) (params string) {
	t.Helper()
	spec := graph.Sequential("sides", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames, spec.Preprocess = []string{"left", "right"}, preprocess
	m, err := graph.New(spec)
	require.NoError(t, err)
	weight, err := m.Param("fc1.weight")
	require.NoError(t, err)
	for i := range weight.Float32s() {
		weight.Float32s()[i] = float32((i/784*2 - 1) * (i%28/14*2 - 1))
	}
	params = filepath.Join(t.TempDir(), "sides.safetensors")
	require.NoError(t, m.Save(params))
	return params
}

// barFolder writes class folders of pictures with a light bar on the left and on the right.
func barFolder(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	for _, half := range []string{"train", "test"} {
		for class, name := range []string{"left", "right"} {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, half, name), 0o755))
			for i := range 5 {
				img := image.NewGray(image.Rect(0, 0, 28, 28))
				for p := range 6 * 12 {
					img.SetGray(2+15*class+i+p%6, 4+i+p/6, color.Gray{Y: 255})
				}
				path := filepath.Join(dir, half, name, string(rune('a'+i))+".png")
				writePNG(t, path, img)
				if half == "test" {
					files = append(files, path)
				}
			}
		}
	}
	return dir, files
}

// TestCommandsObeyThePreprocessing: eval, predict and serve prepare pictures as the file declares,
// so they agree on each.
func TestCommandsObeyThePreprocessing(t *testing.T) {
	params := sides(t, &picture.Preprocessing{})
	data, files := barFolder(t)
	assert.Contains(t, succeed(t, "eval", params, "-data", data), "accuracy 100.00% (10/10)\n")

	var predicted []classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(succeed(t, append([]string{"predict", params, "-json"}, files...)...)),
		&predicted))
	require.Len(t, predicted, len(files))
	url, end := serving(t, "sides", params)
	for i, path := range files {
		assert.Equal(t, filepath.Base(filepath.Dir(path)), predicted[i].Name, path)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		answer, err := http.Post(url+"predict", "image/png", bytes.NewReader(text))
		require.NoError(t, err)
		var served classify.Prediction
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&served))
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, predicted[i].Guess, served.Guess, path)
	}
	end()

	// A file that declares MNIST's centering gets it.
	digits := succeed(t, append([]string{"predict", sides(t, &picture.Preprocessing{Digit: picture.Detect})},
		files...)...)
	assert.Equal(t, len(files), strings.Count(digits, "light on dark"))
}

// TestNamesDecideNothing: a renamed network prepares pictures as before, and so does an older file
// without a declaration.
func TestNamesDecideNothing(t *testing.T) {
	spec := smallAlexNet()
	spec.Layers = append([]graph.Layer{graph.Normalize{Mean: []float64{0.4, 0.5, 0.6}, Std: []float64{0.3, 0.3, 0.3}}},
		spec.Layers...)
	path := page(t)
	want := succeed(t, "predict", saved(t, spec), path)
	spec.Name = "mine"
	assert.Equal(t, want, succeed(t, "predict", saved(t, spec), path))
	spec.Preprocess = nil
	assert.Equal(t, want, succeed(t, "predict", saved(t, spec), path))
}
