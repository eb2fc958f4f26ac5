package pretrained_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
	"convgraph/pretrained"
)

func squeezeNet(t testing.TB) *graph.Model {
	t.Helper()
	m, err := pretrained.SqueezeNet()
	require.NoError(t, err)
	return m
}

// formulas compute the levels of testdata/make_reference.py's pictures.
var formulas = []func(c, y, x int) int{
	func(c, y, x int) int { return x*(c+1) + y*(3-c) + x*y/8 },
	func(c, y, x int) int { return (x ^ y) * (c + 2) },
}

func drawn(level func(c, y, x int) int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			img.SetNRGBA(x, y, color.NRGBA{R: uint8(level(0, y, x)), G: uint8(level(1, y, x)), B: uint8(level(2, y, x)),
				A: 255})
		}
	}
	return img
}

// TestSqueezeNetLogits compares the logits with PyTorch's in float64, which covers the crop, the
// colors and the network.
func TestSqueezeNetLogits(t *testing.T) {
	f, err := os.Open("testdata/logits.json.gz")
	require.NoError(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	require.NoError(t, err)
	var want struct{ Logits [][]float64 }
	require.NoError(t, json.NewDecoder(unpacked).Decode(&want))
	require.Len(t, want.Logits, len(formulas))

	m := squeezeNet(t)
	for i, row := range want.Logits {
		sample, err := classify.Preprocessing(m.Spec()).Apply(drawn(formulas[i]), m.Spec().Input)
		require.NoError(t, err)
		logits := make([]float32, m.Classes())
		require.NoError(t, m.PredictInto(logits, sample.Pixels))
		require.Len(t, row, len(logits))
		for class, v := range row {
			assert.InDelta(t, v, logits[class], 1e-4, "picture %d, class %d", i, class)
		}
	}
}

// TestSqueezeNetDescribesItself: a saved file has the class names and the preprocessing.
func TestSqueezeNetDescribesItself(t *testing.T) {
	m := squeezeNet(t)
	spec := m.Spec()
	require.NoError(t, m.CheckFinite())
	require.Len(t, spec.ClassNames, 1000)
	assert.Equal(t, "tench", spec.ClassNames[0])
	assert.Equal(t, "daisy", spec.ClassNames[985])
	assert.Equal(t, picture.Stretch, spec.Preprocess.Fit)
	path := filepath.Join(t.TempDir(), "p.safetensors")
	require.NoError(t, m.Save(path))
	again, err := graph.Load(path)
	require.NoError(t, err)
	assert.Equal(t, spec, again.Spec())
	numbers := 0
	for i, p := range m.Params() {
		numbers += p.Shape.TotalSize()
		assert.Equal(t, p.Value.Data(), again.Params()[i].Value.Data(), p.Name)
	}
	assert.Equal(t, 1_248_424, numbers)
}

// TestNothingCarriesTheWeights: the libraries don't import this package, so a program that doesn't
// import it doesn't carry the weights.
func TestNothingCarriesTheWeights(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Imports}}", "convgraph/graph", "convgraph/models",
		"convgraph/train/...", "convgraph/classify", "convgraph/onnx").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "convgraph/models ")
	assert.NotContains(t, string(out), "convgraph/pretrained")
}

// TestSqueezeNetPictures measures the accuracy on pictures whose licenses keep them out of the
// module.
func TestSqueezeNetPictures(t *testing.T) {
	dir := os.Getenv("CONVGRAPH_PICTURES")
	if dir == "" {
		t.Skip("CONVGRAPH_PICTURES names no folder of the 1000 pictures")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "n*.JPEG")) // by synset, which is the classes' order
	require.NoError(t, err)
	require.Len(t, paths, 1000)
	m := squeezeNet(t)
	first, five := 0, 0
	for class, path := range paths {
		sample, err := classify.Preprocessing(m.Spec()).Read(path, m.Spec().Input)
		require.NoError(t, err)
		probabilities := make([]float32, m.Classes())
		require.NoError(t, m.ProbabilitiesInto(probabilities, sample.Pixels))
		for rank, guess := range classify.Top(m.Spec(), probabilities, 5) {
			if guess.Class == class {
				five++
				if rank == 0 {
					first++
				}
			}
		}
	}
	t.Logf("%d right, %d among the likeliest five", first, five)
	assert.InDelta(t, 652, first, 1, "kernels may round differently")
	assert.InDelta(t, 859, five, 1)
}

func ExampleSqueezeNet() {
	m, err := pretrained.SqueezeNet()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Spec().Name, m.Spec().Input, strings.Join(m.Spec().ClassNames[:3], ", "))
	// Output: squeezenet1_0 (3, 227, 227) tench, goldfish, great_white_shark
}
