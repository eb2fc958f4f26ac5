package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/onnx/schema"
	"convgraph/picture"
)

// answers returns the logits of a parameter file for the images of an .npz file.
func answers(t *testing.T, params, in string, more ...string) *tensor.Dense {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.npz")
	assert.Empty(t, succeed(t, append([]string{"run", params, in, "-o", out}, more...)...))
	return readArrays(t, out)["logits"]
}

// TestImport reads one network's parameters in every format, and compares the logits with
// PyTorch's.
func TestImport(t *testing.T) {
	want := readArrays(t, "testdata/small_io.npz")["logits"]
	for _, file := range []string{"small.pt", "small_named.pt", "small.npz", "small.pkl", "small.safetensors"} {
		t.Run(file, func(t *testing.T) {
			params := imported(t, "testdata/"+file, "testdata/small.json")
			assertClose(t, want, answers(t, params, "testdata/small_io.npz"), 1e-6, "logits")
		})
	}
	t.Run("names", func(t *testing.T) {
		params := imported(t, "testdata/small_other.pt", "testdata/small.json", "-names", "testdata/names.json")
		assertClose(t, want, answers(t, params, "testdata/small_io.npz"), 1e-6, "logits")
	})
}

// TestImportIgnoresUnusedArrays: a checkpoint's float64 learning rate doesn't make a float64 model.
func TestImportIgnoresUnusedArrays(t *testing.T) {
	spec := graph.Sequential("one", tensor.Shape{1}, graph.He(), graph.Affine{Units: 1})
	arrays := []formats.Array{
		{Name: "fc1.weight", Value: tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float32{1}))},
		{Name: "fc1.bias", Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{2}))},
		{Name: "lr", Value: tensor.New(tensor.FromScalar(0.1))},
		{Name: "other", Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{3}))},
	}
	for dt, names := range map[tensor.Dtype]map[string]string{
		tensor.Float32: {"fc1.weight": "fc1.weight", "fc1.bias": "fc1.bias"},
		tensor.Float64: {"fc1.weight": "fc1.weight", "other": "fc1.bias"},
	} {
		m, err := named(spec, arrays, names)
		require.NoError(t, err)
		assert.Equal(t, dt, m.Dtype())
	}
	m, err := named(spec, arrays, nil)
	require.NoError(t, err)
	assert.Equal(t, tensor.Float32, m.Dtype())
}

func TestImportPrintsWhatItRead(t *testing.T) {
	out := filepath.Join(t.TempDir(), "p.safetensors")
	said := succeed(t, "import", "testdata/small.pkl", "-model", "testdata/small.json", "-o", out)
	assert.Equal(t, `testdata/small.pkl: 6 parameters of float64 as "small" in `+out+"\n", said)
}

// TestImportPartlyConnected imports a masked convolution with all its kernels, and a convolution
// from PyTorch's Linear.
func TestImportPartlyConnected(t *testing.T) {
	params := imported(t, "testdata/partial.pt", "testdata/partial.json")
	want := readArrays(t, "testdata/partial_io.npz")["logits"]
	assertClose(t, want, answers(t, params, "testdata/partial_io.npz"), 1e-6, "logits")
	fail(t, cli.Failed, `testdata/unmasked.pt: array "2.weight" is 0.5 at [1 0 1 1]`,
		"import", "testdata/unmasked.pt", "-model", "testdata/partial.json", "-o", filepath.Join(t.TempDir(),
			"p.safetensors"))
}

// TestImportONNX compares the logits of an exporter's file with PyTorch's.
func TestImportONNX(t *testing.T) {
	const folder = "../../onnx/testdata/"
	params := filepath.Join(t.TempDir(), "params.safetensors")
	succeed(t, "import", folder+"view_dynamo.onnx", "-o", params)
	want := readArrays(t, folder+"view.npz")["y"]
	assertClose(t, want, answers(t, params, folder+"view.npz"), 1e-6, "logits")
}

func TestImportErrors(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "p.safetensors")
	notNames := filepath.Join(dir, "names.json")
	require.NoError(t, os.WriteFile(notNames, []byte(`["conv1.weight"]`), 0o644))
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{cli.BadUsage, "want a .onnx, .pkl", []string{"small.h5"}},
		{cli.BadUsage, "-names and -class-names are for the other files",
			[]string{"net.onnx", "-names", "testdata/names.json"}},
		{cli.BadUsage, "unknown flag", []string{"testdata/small.pt", "-nonsense"}},
		{cli.Failed, `model "nonsense" is unknown`, []string{"testdata/small.pt", "-model", "nonsense"}},
		{cli.Failed, "missing.pt", []string{"testdata/missing.pt"}},
		{cli.Failed, "names.json: want {", []string{"testdata/small.pt", "-names", notNames}},
		{cli.Failed, `array "0.weight" has shape (3, 1, 3, 3): want (30, 1, 5, 5) for parameter "conv1.weight"`,
			[]string{"testdata/small.pt"}},
		{cli.Failed, `array "head.weight" has shape (4, 5): want (3, 1, 3, 3) for parameter "conv1.weight"`,
			[]string{"testdata/small_other.pt", "-model", "testdata/small.json"}},
	} {
		fail(t, c.code, c.text, append([]string{"import", "-o", out}, c.args...)...)
	}
	fail(t, cli.BadUsage, "missing flags: --out", "import", "testdata/small.pt")
	assert.NoFileExists(t, out)
}

// TestExportAndBack exports a model and imports it: the logits are the same to the bit.
func TestExportAndBack(t *testing.T) {
	params := small(t)
	want := answers(t, params, "testdata/small_io.npz")
	for _, ending := range []string{".npz", ".onnx", ".NPZ"} {
		file := filepath.Join(t.TempDir(), "small"+ending)
		assert.Empty(t, succeed(t, "export", params, "-o", file))
		back := imported(t, file, "testdata/small.json")
		assertClose(t, want, answers(t, back, "testdata/small_io.npz"), 0, ending)
	}
}

func TestExportHasTheBooksNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "small.npz")
	succeed(t, "export", small(t), "-o", file)
	want, got := readArrays(t, "testdata/small.npz"), readArrays(t, file)
	assert.Len(t, got, len(want))
	for name := range want {
		assertClose(t, want[name], got[name], 0, name)
	}
}

// TestExportDescribesPictures expects the metadata that the Python program of docs/pictures.md
// reads.
func TestExportDescribesPictures(t *testing.T) {
	spec := graph.Sequential("small", tensor.Shape{3, 4, 4}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames = []string{"cat", "dog"}
	spec.Preprocess = &picture.Preprocessing{Fit: picture.Shorter, Resize: 5, Mean: []float64{0.5, 0.5, 0.5}}
	path := filepath.Join(t.TempDir(), "small.onnx")
	succeed(t, "export", saved(t, spec), "-o", path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	exported, err := schema.Decode(data)
	require.NoError(t, err)
	metadata := map[string]string{}
	for _, e := range exported.Metadata {
		metadata[e.Key] = e.Value
	}
	assert.JSONEq(t, `["cat", "dog"]`, metadata["class_names"])
	assert.JSONEq(t, `{"fit": "shorter", "resize": 5, "mean": [0.5, 0.5, 0.5]}`, metadata["preprocess"])
}

func TestExportErrors(t *testing.T) {
	fail(t, cli.BadUsage, "want a name that ends in .onnx or .npz", "export", "testdata/small.safetensors", "-o",
		"x.pkl")
	fail(t, cli.Failed, `its metadata has no "convgraph.spec"`, "export", "testdata/small.safetensors",
		"-o", filepath.Join(t.TempDir(), "x.npz"))
}

// TestImportKeepsTheSpec: an imported file holds the spec that it was imported for.
func TestImportKeepsTheSpec(t *testing.T) {
	m, err := graph.Load(small(t))
	require.NoError(t, err)
	text, err := os.ReadFile("testdata/small.json")
	require.NoError(t, err)
	spec, err := graph.ParseSpec(text)
	require.NoError(t, err)
	assert.Equal(t, spec, m.Spec())
}
