package training

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
)

// based is a parameter file for colour pictures of 8x8 in five classes that are prepared in a way
// of their own.
func based(t *testing.T) (path string) {
	t.Helper()
	spec := graph.Sequential("based", tensor.Shape{3, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3)}, graph.BatchNorm{}, graph.ReLU{}, graph.GlobalAvgPool{},
		graph.Affine{Name: "head", Units: 5}, graph.Softmax{})
	spec.Preprocess = &picture.Preprocessing{Resize: 10, Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.2, 0.2, 0.2}}
	spec.ClassNames = []string{"a", "b", "c", "d", "e"}
	m, err := graph.New(spec)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "based.safetensors")
	require.NoError(t, m.Save(path))
	return path
}

// TestHead fine-tunes a network for another number of classes: its last layer is new, the others
// are the file's, and so are the size and the preparation of pictures.
func TestHead(t *testing.T) {
	base, folder, out := based(t), imageFolder(t), t.TempDir()
	args := []string{"-init-from", base, "-head", "-freeze", "conv1,bn1", "-data", folder, "-batch", "4", "-out", out}
	var code int
	var diagnostics string
	said := captureStderr(t, func() { code, _, diagnostics = trainmnist(t, append(args, "-epochs", "1")...) })
	require.Equal(t, cli.OK, code, diagnostics)
	assert.Contains(t, said,
		"from "+base+": conv1, bn1\nnew: head (head.weight is (2, 4) here, (5, 4) there)\nfrozen: 6 of 8 parameters\n")

	tuned := filepath.Join(out, "params.safetensors")
	m, err := graph.Load(tuned)
	require.NoError(t, err)
	assert.Equal(t, "based", m.Spec().Name)
	assert.Equal(t, tensor.Shape{3, 8, 8}, m.Spec().Input)
	assert.Equal(t, []string{"0", "1"}, m.Spec().ClassNames)
	assert.Equal(t, &picture.Preprocessing{Resize: 10, Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.2, 0.2, 0.2}},
		m.Spec().Preprocess)
	was, now := parameters(t, base), parameters(t, tuned)
	for _, name := range []string{"conv1.weight", "conv1.bias", "bn1.weight", "bn1.running_mean", "bn1.running_var"} {
		assert.Equal(t, was[name], now[name], name)
	}
	assert.Len(t, now["head.bias"], 2)

	// The run is resumed without the file and its flags.
	require.NoError(t, os.Remove(base))
	code, _, stderr := trainmnist(t, "-quiet", "-out", out, "-resume", "-epochs", "2")
	require.Equal(t, cli.OK, code, stderr)
	m, err = graph.Load(tuned)
	require.NoError(t, err)
	assert.Equal(t, "based", m.Spec().Name)
	assert.Equal(t, was["conv1.weight"], parameters(t, tuned)["conv1.weight"])
	assert.NotEqual(t, now["head.weight"], parameters(t, tuned)["head.weight"])
}

// TestHeadOfIDX is TestHead for images of MNIST's format.
func TestHeadOfIDX(t *testing.T) {
	m, err := graph.New(graph.Sequential("five", tensor.Shape{1, 28, 28}, graph.He(),
		graph.MaxPool{Kernel: graph.Square(4)}, graph.Affine{Units: 6}, graph.ReLU{}, graph.Affine{Units: 5},
		graph.Softmax{}))
	require.NoError(t, err)
	base, out := filepath.Join(t.TempDir(), "five.safetensors"), t.TempDir()
	require.NoError(t, m.Save(base))
	code, _, stderr := trainmnist(t, append(small, "-quiet", "-init-from", base, "-out", out)...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, `model "five" has 5 classes, the training set 10`)
	code, _, stderr = trainmnist(t, append(small, "-quiet", "-init-from", base, "-head", "-out", out)...)
	require.Equal(t, cli.OK, code, stderr)
	tuned, err := graph.Load(filepath.Join(out, "params.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, 10, tuned.Classes())
	assert.Equal(t, "five", tuned.Spec().Name)
}

// TestWithoutHead wants the file's classes to be the data's.
func TestWithoutHead(t *testing.T) {
	code, _, stderr := trainmnist(t, "-quiet", "-init-from", based(t), "-data", imageFolder(t),
		"-out", filepath.Join(t.TempDir(), "run"))
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, `model "based": 2 class names for 5 outputs of layer "head": want one for each, or none`)
	flags := []string{"-quiet", "-init-from", based(t), "-data", imageFolder(t), "-size", "16"}
	code, _, stderr = trainmnist(t, flags...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, "-size is 16: -model based has a fixed size")
}

// someClasses writes MNIST's images of the digits below n as IDX files.
func someClasses(t *testing.T, n, training, test int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	trainSet, testSet := embedded(t)
	writeDigits(t, dir, "train", trainSet, n, training)
	writeDigits(t, dir, "t10k", testSet, n, test)
	return dir
}

// TestFewerClassesThanOutputs trains a network of ten outputs on five classes, as well as one of
// five outputs.
func TestFewerClassesThanOutputs(t *testing.T) {
	data, dir := someClasses(t, 5, 1000, 500), t.TempDir()
	for outputs, name := range map[int]string{5: "five.json", 10: "ten.json"} {
		writeSpec(t, filepath.Join(dir, name), 30, outputs)
	}
	args := []string{"-quiet", "-data", data, "-epochs", "5", "-batch", "20", "-lr", "0.003"}
	five := accuracyOf(t,
		append(args, "-model", filepath.Join(dir, "five.json"), "-out", filepath.Join(dir, "five"))...)
	ten := accuracyOf(t, append(args, "-model", filepath.Join(dir, "ten.json"), "-out", filepath.Join(dir, "ten"))...)
	assert.Greater(t, five, 85.)
	assert.InDelta(t, five, ten, 2.5)
}
