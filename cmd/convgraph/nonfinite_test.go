package main

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/internal/cli"
)

// spoilt saves a LeNet with one number replaced.
func spoilt(t *testing.T, parameter string, at int, value float64) string {
	t.Helper()
	m, err := graph.New(builtIn(t, "lenet-modern"))
	require.NoError(t, err)
	p, err := m.Param(parameter)
	require.NoError(t, err)
	p.Float32s()[at] = float32(value)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, m.Save(path))
	return path
}

// TestNonFiniteParameters: every command refuses parameters that aren't finite.
func TestNonFiniteParameters(t *testing.T) {
	params, image := spoilt(t, "output.weight", 84*3+5, math.NaN()), page(t)
	const want = `params.safetensors: model "lenet-modern": parameter "output.weight" is NaN at [3 5]: ` +
		`want finite numbers`
	fail(t, cli.Failed, want, "eval", params)
	fail(t, cli.Failed, want, "predict", params, image)
	fail(t, cli.Failed, want, "predict", params, image, "-json")
	fail(t, cli.Failed, want, "confusion", params, "-o", filepath.Join(t.TempDir(), "c.png"))
	for _, command := range []string{"apply", "features", "saliency"} {
		fail(t, cli.Failed, want, command, params, image, "-o", filepath.Join(t.TempDir(), "c.png"))
	}
	fail(t, cli.Failed, want, "maximize", params, "-layer", "output", "-unit", "1", "-o",
		filepath.Join(t.TempDir(), "c.png"))
	fail(t, cli.Failed, want, "export", params, "-o", filepath.Join(t.TempDir(), "net.onnx"))
	fail(t, cli.Failed, want, "fold", params, "-o", filepath.Join(t.TempDir(), "folded.safetensors"))
	fail(t, cli.Failed, want, "atlas", params, "-o", filepath.Join(t.TempDir(), "atlas.png"))
	infinite := spoilt(t, "c1.bias", 2, math.Inf(-1))
	fail(t, cli.Failed, `parameter "c1.bias" is -Inf at [2]: want finite numbers`, "eval", infinite)
}

// TestNonFiniteOutputs: finite parameters can give outputs that aren't finite.
func TestNonFiniteOutputs(t *testing.T) {
	params := spoilt(t, "f6.bias", 0, math.MaxFloat32)
	m, err := graph.Load(params)
	require.NoError(t, err)
	weight, err := m.Param("output.weight")
	require.NoError(t, err)
	weight.Float32s()[3*84] = 1e3
	require.NoError(t, m.Save(params))
	fail(t, cli.Failed, "the model's output 3 for image 0 is +Inf: want finite numbers", "eval", params)
	fail(t, cli.Failed, "page.png: the model's output", "predict", params, page(t))
	fail(t, cli.Failed, "page.png: the model's output", "saliency", params, page(t), "-o",
		filepath.Join(t.TempDir(), "c.png"))
	fail(t, cli.Failed, "page.png: the model's output", "features", params, page(t), "-o",
		filepath.Join(t.TempDir(), "c"))
}

// TestNonFiniteArrays: run and gradients write their file, name the number that isn't finite, and
// fail.
func TestNonFiniteArrays(t *testing.T) {
	x := tensor.New(tensor.WithShape(2, 1, 28, 28), tensor.Of(tensor.Float32))
	in, out := filepath.Join(t.TempDir(), "in.npz"), filepath.Join(t.TempDir(), "out.npz")
	arrays := []formats.Array{{Name: "x", Value: x}, {Name: "t", Value: tensor.New(tensor.WithBacking([]int64{1, 2}))}}
	require.NoError(t, npz.Write(in, arrays))
	params := spoilt(t, "output.bias", 3, math.Inf(1))
	fail(t, cli.Failed, `out.npz: array "logits" is +Inf at [0 3]: want finite numbers`, "run", params, in, "-o", out)
	written, err := npz.ReadFile(out)
	require.NoError(t, err)
	assert.Len(t, written, 2)
	fail(t, cli.Failed, `out.npz: array "loss" is NaN at []: want finite numbers`, "gradients", params, in, "-o", out)
	assert.FileExists(t, out)

	x.Float32s()[28*28+3] = float32(math.NaN())
	require.NoError(t, npz.Write(in, arrays))
	fail(t, cli.Failed, `array "logits" is NaN at [1 0]`, "run", saved(t, builtIn(t, "lenet-modern")), in, "-o", out)
}

// TestImportWarnsOfNonFinite imports the parameters, so that they can be inspected, with a
// warning.
func TestImportWarnsOfNonFinite(t *testing.T) {
	params, out := spoilt(t, "c1.bias", 2, math.NaN()), filepath.Join(t.TempDir(), "p.safetensors")
	said := onStderr(t, func() { succeed(t, "import", params, "-model", "lenet-modern", "-o", out) })
	assert.Contains(t, said, `parameter "c1.bias" is NaN at [2]: want finite numbers: nothing can be predicted with it`)
	_, err := graph.Load(out)
	assert.NoError(t, err)
}

// onStderr returns what a function writes to stderr.
func onStderr(t *testing.T, f func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	was := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = was }()
	f()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestServeIsNotReady: a server with such parameters runs, but it isn't ready and refuses
// predictions.
func TestServeIsNotReady(t *testing.T) {
	params := spoilt(t, "c1.bias", 2, math.NaN())
	url, end := serving(t, "lenet-modern", params)
	image, err := os.ReadFile(page(t))
	require.NoError(t, err)
	predicted, err := http.Post(url+"predict", "image/png", bytes.NewReader(image))
	require.NoError(t, err)
	ready, err := http.Get(url + "readyz")
	require.NoError(t, err)
	for _, answer := range []*http.Response{predicted, ready} {
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		assert.Contains(t, string(body), `parameter \"c1.bias\" is NaN at [2]`)
	}
	alive, err := http.Get(url + "healthz")
	require.NoError(t, err)
	alive.Body.Close()
	assert.Equal(t, http.StatusOK, alive.StatusCode)
	end()
}

// TestRunReadsWhatItNeeds ignores arrays beside x that aren't numbers.
func TestRunReadsWhatItNeeds(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	succeed(t, "run", saved(t, builtIn(t, "lenet-modern")), "testdata/strings.npz", "-o", out)
	logits := readArrays(t, out)["logits"]
	assert.Equal(t, []int{2, 10}, []int(logits.Shape()))
	fail(t, cli.Failed, `testdata/strings.npz: there is no array "t": want labels`,
		"gradients", saved(t, builtIn(t, "lenet-modern")), "testdata/strings.npz", "-o", out)
}

// TestImportIgnoresOtherObjects ignores objects of any class beside the state dict.
func TestImportIgnoresOtherObjects(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "net.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name": "net", "input": [1, 3, 4], "layers": [
		{"kind": "conv2d", "name": "conv1", "filters": 2, "kernel": 3},
		{"kind": "batch_norm", "name": "norm"}, {"kind": "affine", "name": "fc1", "units": 3},
		{"kind": "softmax"}]}`), 0o600))
	for _, name := range []string{"others.pt", "others4.pt", "others.pth"} {
		m, err := graph.Load(imported(t, "../../formats/torch/testdata/"+name, spec))
		require.NoError(t, err)
		weight, err := m.Param("fc1.weight")
		require.NoError(t, err)
		assert.Equal(t, []float32{0, 0.125, 0.25, 0.375}, weight.Float32s()[:4])
		variance, err := m.Param("norm.running_var")
		require.NoError(t, err)
		assert.Equal(t, []float32{1, 1}, variance.Float32s())
	}
}
