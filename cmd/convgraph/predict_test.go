package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
)

// TestPredictPrintsProbabilities compares the lines with the model's probabilities of the prepared
// digit.
func TestPredictPrintsProbabilities(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet-modern")), page(t)
	m, err := graph.Load(params)
	require.NoError(t, err)
	d, err := picture.DefaultFor([]int{1, 28, 28}).Read(path, []int{1, 28, 28})
	require.NoError(t, err)
	p, err := m.Probabilities(asBatch(d.Pixels, m.Spec().Input))
	require.NoError(t, err)
	best := graph.ArgMax(p)[0]

	out := succeed(t, "predict", params, path, path)
	line := fmt.Sprintf("%s: %d (%.2f%%), then ", path, best, 100*p.Float32s()[best])
	assert.Contains(t, out, line)
	assert.Regexp(t, `^(.*: \d \(\d+\.\d\d%\), then \d \(\d+\.\d\d%\), \d \(\d+\.\d\d%\); dark on light\n){2}$`, out)

	var all []classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "predict", params, path, "-json")), &all))
	require.Len(t, all, 1)
	assert.Equal(t, path, all[0].Image)
	assert.Equal(t, classify.Guess{Class: best, Name: fmt.Sprint(best), Probability: p.Float32s()[best]}, *all[0].Guess)
	assert.Equal(t, *all[0].Guess, all[0].Top[0])
	require.Len(t, all[0].Top, 3)
	for _, g := range all[0].Top {
		assert.Equal(t, p.Float32s()[g.Class], g.Probability)
	}
	assert.GreaterOrEqual(t, all[0].Top[1].Probability, all[0].Top[2].Probability)
	assert.Equal(t, "dark on light", all[0].Ink)
}

func TestPredictWithGivenInk(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet-modern")), page(t)
	detected := succeed(t, "predict", params, path)
	assert.Equal(t, detected, succeed(t, "predict", params, path, "-invert"))
	assert.Equal(t, detected, succeed(t, "predict", params, path, "-ink", "dark"))
	fail(t, cli.Failed, path+": nothing is drawn in the picture that is light on dark", "predict", params, path, "-ink",
		"light")
	fail(t, cli.BadUsage, "-invert contradicts -ink light", "predict", params, path, "-ink", "light", "-invert")
}

// TestPredictOfOtherImages: a model of other images gets the middle of the picture; its classes
// have names.
func TestPredictOfOtherImages(t *testing.T) {
	spec := graph.Sequential("colours", tensor.Shape{3, 1, 1}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames = []string{"red", "blue"}
	m, err := graph.New(spec)
	require.NoError(t, err)
	weight, err := m.Param("fc1.weight")
	require.NoError(t, err)
	copy(weight.Float32s(), []float32{10, 0, 0, 0, 0, 10})
	dir := t.TempDir()
	params, path := filepath.Join(dir, "p.safetensors"), filepath.Join(dir, "blue.png")
	require.NoError(t, m.Save(params))
	img := image.NewRGBA(image.Rect(0, 0, 30, 10))
	for i := range 300 {
		c := color.RGBA{255, 0, 0, 255} // at the sides
		if i%30 >= 10 && i%30 < 20 {
			c = color.RGBA{0, 0, 255, 255}
		}
		img.SetRGBA(i%30, i/30, c)
	}
	writePNG(t, path, img)
	assert.Equal(t, path+": blue (> 99.99%), then red (< 0.01%)\n", succeed(t, "predict", params, path))
	fail(t, cli.BadUsage, `-ink and -invert are for models whose pictures are taken for digits: "colours" takes 3×1×1`,
		"predict", params, path, "-invert")
}

func TestPredictFailures(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet-modern")), page(t)
	missing := filepath.Join(t.TempDir(), "missing.png")
	fail(t, cli.Failed, "cannot be read: open "+missing, "predict", params, missing)
	fail(t, cli.Failed, params+": got a file that starts with ", "predict", params, params)
	fail(t, cli.BadUsage, "no pictures: want at least one, or a folder", "predict", params)
	headless := saved(t, graph.Sequential("headless", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 2}))
	assert.Regexp(t, `: -?[\d.]+, -?[\d.]+; dark on light\n$`, succeed(t, "predict", headless, path),
		"a model without probabilities says its numbers")
	vectors := saved(t, graph.Sequential("vectors", tensor.Shape{9}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}))
	fail(t, cli.Failed, `model "vectors" takes no pictures: got input [9], want (channels, height, width)`,
		"predict", vectors, path)
}

// TestPredictOfSomeBadImages predicts the good images, prints a line on stderr for each bad one,
// and fails at the end.
func TestPredictOfSomeBadImages(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet-modern")), page(t)
	missing, text := filepath.Join(t.TempDir(), "missing.png"), filepath.Join(t.TempDir(), "text.png")
	require.NoError(t, os.WriteFile(text, []byte("no picture"), 0o644))
	answer := succeed(t, "predict", params, path)
	wantErrors := `^convgraph: cannot be read: open ` + regexp.QuoteMeta(missing) + `: .+\nconvgraph: ` +
		regexp.QuoteMeta(text) + `: got a file that starts with .+\n$`

	code, stdout, stderr := convgraph("predict", params, missing, path, text, path)
	assert.Equal(t, cli.Failed, code)
	assert.Equal(t, answer+answer, stdout)
	assert.Regexp(t, wantErrors, stderr)

	for images, want := range map[string]string{path: succeed(t, "predict", params, path, "-json"), "": "[]\n"} {
		args := []string{"predict", params, "-json", missing, text}
		if images != "" {
			args = append(args, images)
		}
		code, stdout, stderr := convgraph(args...)
		assert.Equal(t, cli.Failed, code)
		assert.Equal(t, want, stdout)
		assert.Regexp(t, wantErrors, stderr)
	}
}
