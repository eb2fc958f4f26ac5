package main

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/viz"
)

func TestApply(t *testing.T) {
	out := filepath.Join(t.TempDir(), "responses.png")
	params := saved(t, builtIn(t, "lenet"))
	assert.Empty(t, succeed(t, "apply", params, "-o", out))
	requireGolden(t, "responses.png", out)
	succeed(t, "apply", params, page(t), "-o", out, "-most", "2")
	requireGolden(t, "responses-page.png", out)
	succeed(t, "apply", saved(t, smallAlexNet()), page(t), "-o", out, "-most", "4")
	requireGolden(t, "responses-colour.png", out)
}

// TestRespond expects the plain correlation: no bias, no padding, stride 1, whatever the layer has.
func TestRespond(t *testing.T) {
	f := viz.Filters{Out: 2, In: 1, Height: 1, Width: 2, Data: []float32{1, -1, 0.5, 0.5}}
	img := viz.Planes{Count: 1, Height: 2, Width: 3, Data: []float32{1, 2, 4, 0, 0, 8}}
	got, err := respond(f, nil, img)
	require.NoError(t, err)
	assert.Equal(t, viz.Planes{Count: 2, Height: 2, Width: 2, Data: []float32{-1, -2, 0, -8, 1.5, 3, 0, 4}}, got)

	normalize := []graph.Part{graph.Normalize{Mean: []float64{1}, Std: []float64{2}}}
	got, err = respond(f, normalize, img)
	require.NoError(t, err)
	assert.Equal(t, []float32{-0.5, -1, 0, -4, 0.25, 1, -0.5, 1.5}, got.Data)
}

func TestApplyReducesLargeImages(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "wide.png"), filepath.Join(dir, "responses.png")
	img := image.NewGray(image.Rect(0, 0, 1100, 40))
	img.SetGray(500, 20, color.Gray{Y: 255})
	writePNG(t, path, img)
	assert.Equal(t, "wide.png: 1100×40 pixels reduced to 512×18\n",
		succeed(t, "apply", saved(t, builtIn(t, "lenet")), path, "-o", out))
}

func TestApplyFailures(t *testing.T) {
	dir := t.TempDir()
	params, out := saved(t, builtIn(t, "lenet")), filepath.Join(dir, "x.png")
	small := filepath.Join(dir, "small.png")
	writePNG(t, small, image.NewGray(image.Rect(0, 0, 3, 30)))
	fail(t, cli.Failed,
		`small.png: model "apply": layer 1 "filters" (Conv2D{Filters: 6, Kernel: Square(5)}, input (1, 30, 3)): `+
			`width: a window of 5 doesn't fit an input of 3 padded to 3`,
		"apply", params, small, "-o", out)
	late := saved(t, graph.Sequential("late", tensor.Shape{1, 8, 8}, graph.He(), graph.ReLU{},
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}))
	fail(t, cli.Failed, `model "late" has ReLU before its first convolution: its filters don't see the image`,
		"apply", late, "-o", out)
	deep := saved(t, graph.Sequential("deep", tensor.Shape{2, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}))
	fail(t, cli.Failed, `model "deep": filters of 2 channels: want 1 (grey) or 3 (colour) to apply them to an image`,
		"apply", deep, "-o", out)
	fail(t, cli.BadUsage, "-most is 0: want at least 1", "apply", params, "-o", out, "-most", "0")
	assert.NoFileExists(t, out)
}

// TestApplyPicksFilters draws the given filters in their order, and refuses others.
func TestApplyPicksFilters(t *testing.T) {
	params, out := saved(t, builtIn(t, "lenet")), filepath.Join(t.TempDir(), "a.png")
	drawn := map[string]bool{}
	for _, filters := range []string{"1", "1,3", "3,1"} {
		succeed(t, "apply", params, "-o", out, "-filter", filters)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		drawn[string(data)] = true
	}
	assert.Len(t, drawn, 3)
	fail(t, cli.BadUsage, "-filter has 6: there are filters 0 to 5", "apply", params, "-o", out, "-filter", "1,6")
}

// TestApplySortsByOrientation puts vertical edges first; -sort number keeps the order.
func TestApplySortsByOrientation(t *testing.T) {
	f := viz.Filters{Out: 3, In: 1, Height: 3, Width: 3, Data: []float32{
		0, 0, 0, 0, 1, 0, 0, 0, 0,
		1, 1, 1, 0, 0, 0, -1, -1, -1,
		1, 0, -1, 1, 0, -1, 1, 0, -1,
	}}
	for sort, want := range map[string][]int{"orientation": {2, 1, 0}, "number": {0, 1, 2}} {
		got, _, err := (&apply{Most: 64, Sort: sort}).numbers(f)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	got, note, err := (&apply{Most: 2, Sort: "number"}).numbers(f)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1}, got)
	assert.Equal(t, ", the first 2 of 3 filters", note)
	assert.Equal(t, f.Filter(2).Data, picked(f, []int{2, 0}).Filter(0).Data)
}
