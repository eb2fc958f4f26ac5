package main

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

// saved saves a new model and returns the parameter file.
func saved(t *testing.T, spec *graph.Spec) string {
	t.Helper()
	m, err := graph.New(spec, graph.WithSeed(3))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, m.Save(path))
	return path
}

func builtIn(t *testing.T, name string) *graph.Spec {
	t.Helper()
	spec, err := models.ByName(name)
	require.NoError(t, err)
	return spec
}

// smallBuiltIn returns a built-in network for ten classes, with small pictures if it takes any
// size.
func smallBuiltIn(t *testing.T, name string) *graph.Spec {
	t.Helper()
	switch {
	case name == "alexnet":
		return smallAlexNet()
	case !models.Takes(name, "size"):
		return builtIn(t, name)
	}
	spec, err := models.Build(name, models.Options{Size: 32, Classes: 10})
	require.NoError(t, err)
	return spec
}

// smallAlexNet has all of AlexNet's layers.
func smallAlexNet() *graph.Spec { return models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec() }

// page writes a dark cross on light paper, wider than high.
func page(t *testing.T) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 120, 90))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{240, 230, 200, 255}), image.Point{}, draw.Src)
	for _, r := range []image.Rectangle{image.Rect(70, 10, 76, 60), image.Rect(52, 40, 94, 46)} {
		draw.Draw(img, r, image.NewUniform(color.RGBA{20, 40, 120, 255}), image.Point{}, draw.Src)
	}
	path := filepath.Join(t.TempDir(), "page.png")
	writePNG(t, path, img)
	return path
}

func writePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
}

func readPNG(t *testing.T, path string) image.Image {
	t.Helper()
	img, err := picture.Read(path)
	require.NoError(t, err)
	return img
}

// requireGolden compares a picture with the one in testdata. Another instruction set sums in
// another order, so shades may differ a little.
func requireGolden(t *testing.T, name, path string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, data, 0o644))
		return
	}
	want, got := readPNG(t, golden), readPNG(t, path)
	require.Equal(t, want.Bounds(), got.Bounds(), name)
	total, far := 0.0, 0
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			d := apart(want.At(x, y), got.At(x, y))
			total += d
			if d > 64 {
				far++
			}
		}
	}
	assert.LessOrEqual(t, total/float64(want.Bounds().Dx()*want.Bounds().Dy()), 0.3,
		"%s: mean difference of a pixel (0 to 255)", name)
	assert.LessOrEqual(t, far, 6, "%s: pixels that are far apart", name)
}

// apart returns the largest difference of two colors' channels, 0 to 255.
func apart(a, b color.Color) float64 {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	largest := 0.0
	for _, d := range []float64{float64(r1) - float64(r2), float64(g1) - float64(g2), float64(b1) - float64(b2)} {
		largest = max(largest, math.Abs(d)/257)
	}
	return largest
}
