package main

import (
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/pretrained"
)

// stripes writes a color picture.
func stripes(t *testing.T, path string, width int) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for y := range 60 {
		for x := range 90 {
			img.SetRGBA(x, y, color.RGBA{uint8(x / width % 2 * 255), uint8(3 * y), uint8(255 - 2*x), 255})
		}
	}
	writePNG(t, path, img)
	return path
}

// TestPredictWithSqueezeNet: a picture in PARAMS' position, the name squeezenet there, and -net
// give the same result.
func TestPredictWithSqueezeNet(t *testing.T) {
	path := stripes(t, filepath.Join(t.TempDir(), "stripes.png"), 5)
	m, err := pretrained.SqueezeNet()
	require.NoError(t, err)
	sample, err := classify.Preprocessing(m.Spec()).Read(path, m.Spec().Input)
	require.NoError(t, err)
	p, err := classify.Predict(m, path, sample)
	require.NoError(t, err)
	want := p.String() + "\n"
	assert.Regexp(t, `: [a-zA-Z_-]+ \(\d+\.\d\d%\), then`, want)
	assert.Equal(t, want, succeed(t, "predict", path))
	assert.Equal(t, want, succeed(t, "predict", "squeezenet", path))
	assert.Equal(t, want, succeed(t, "predict", "-net", "squeezenet", path))
	assert.Equal(t, want, succeed(t, "predict", filepath.Dir(path)), "a folder in PARAMS' place")
	out := filepath.Join(t.TempDir(), "s.png")
	assert.Equal(t, "predicted "+p.Answer()+"\n", succeed(t, "saliency", "squeezenet", path, "-o", out, "-method",
		"grad-cam"))
	assert.Contains(t, succeed(t, "summary", "squeezenet"), "1,248,424")
}

func TestSqueezeNetFailures(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.jpg")
	fail(t, cli.Failed, "cannot be read: open "+missing, "predict", missing)
	fail(t, cli.BadUsage, "-net: got nothing, want squeezenet or a parameter file", "predict", "-net", "", "x.png")
	fail(t, cli.BadUsage, "no pictures: want at least one, or a folder", "predict", "squeezenet")
	fail(t, cli.BadUsage, "got -net squeezenet and p.safetensors, want one of them", "serve", "p.safetensors", "-net",
		"squeezenet")
	empty := t.TempDir()
	fail(t, cli.Failed, empty+" holds no pictures", "predict", empty)
}

// TestServedSqueezeNet: the server has the built-in network.
func TestServedSqueezeNet(t *testing.T) {
	n := &served{params: watched{path: "squeezenet"}}
	m, page, err := n.open()
	require.NoError(t, err)
	assert.NotNil(t, page)
	assert.Equal(t, "squeezenet1_0", m.Spec().Name)
	assert.Len(t, m.Spec().ClassNames, 1000)
}

// TestImportNamesClasses: class names are saved with imported parameters.
func TestImportNamesClasses(t *testing.T) {
	names := filepath.Join(t.TempDir(), "names.txt")
	lines, m := "", readModel(t, small(t))
	for i := range m.Classes() {
		lines += fmt.Sprintf("class number %d\n", i)
	}
	writeText(t, names, lines)
	named := imported(t, "testdata/small.safetensors", "testdata/small.json", "-class-names", names)
	assert.Equal(t, "class number 1", readModel(t, named).Spec().ClassNames[1])
	writeText(t, names, "one\n")
	fail(t, cli.Failed, "-class-names: "+names, "import", "testdata/small.safetensors", "-model", "testdata/small.json",
		"-o", named, "-class-names", names)
	fail(t, cli.Failed, "-class-names: ", "import", "testdata/small.safetensors", "-model", "testdata/small.json", "-o",
		named, "-class-names", names+"x")
	fail(t, cli.BadUsage, "-names and -class-names are for the other files", "import", "x.onnx", "-o", named,
		"-class-names", names)
}

func readModel(t *testing.T, path string) *graph.Model {
	t.Helper()
	m, err := graph.Load(path)
	require.NoError(t, err)
	return m
}
