package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// idxFolder writes a folder of IDX files with MNIST's first images.
func idxFolder(t *testing.T, training, test int) string {
	t.Helper()
	dir := t.TempDir()
	trainSet, testSet, err := mnist.Load()
	require.NoError(t, err)
	writeIDX(t, filepath.Join(dir, "train"), dataset.Take(trainSet, training))
	writeIDX(t, filepath.Join(dir, "t10k"), dataset.Take(testSet, test))
	return dir
}

// digitsFolder writes the first of MNIST's test images as training and as test set.
func digitsFolder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	_, set, err := mnist.Load()
	require.NoError(t, err)
	for _, half := range []string{"train", "t10k"} {
		writeIDX(t, filepath.Join(dir, half), dataset.Take(set, n))
	}
	return dir
}

func writeIDX(t *testing.T, prefix string, ds dataset.Dataset) {
	t.Helper()
	n := ds.Len()
	images := idxHeader(3, n, 28, 28)
	labels := idxHeader(1, n)
	pixels := make([]float32, 28*28)
	for i := range n {
		label, err := ds.Sample(i, pixels)
		require.NoError(t, err)
		labels = append(labels, byte(label))
		for _, p := range pixels {
			images = append(images, byte(255*p+0.5))
		}
	}
	require.NoError(t, os.WriteFile(prefix+"-images-idx3-ubyte", images, 0o644))
	require.NoError(t, os.WriteFile(prefix+"-labels-idx1-ubyte", labels, 0o644))
}

// idxHeader returns the header of an IDX file of bytes (type 8).
func idxHeader(dimensions byte, sizes ...int) []byte {
	header := []byte{0, 0, 8, dimensions}
	for _, n := range sizes {
		header = binary.BigEndian.AppendUint32(header, uint32(n))
	}
	return header
}

// TestEvalWarnsOfClassesWithoutOutputs evaluates a network of five outputs on ten classes.
func TestEvalWarnsOfClassesWithoutOutputs(t *testing.T) {
	five := graph.Sequential("five", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 5}, graph.Softmax{})
	params, data := saved(t, five), idxFolder(t, 20, 20)
	warnings := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(warnings)
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = file
	code, _, _ := convgraph("eval", params, "-data", data)
	os.Stderr = stderr
	require.NoError(t, file.Close())
	require.Equal(t, cli.OK, code)
	text, err := os.ReadFile(warnings)
	require.NoError(t, err)
	assert.Equal(t, "the images have 10 classes, model \"five\" has 5: images of the others count as wrong\n",
		string(text))
}

// TestAsStored reads EMNIST's files upright, with a remark, and as they are with -as-stored.
func TestAsStored(t *testing.T) {
	params, plain := saved(t, builtIn(t, "lenet-modern")), idxFolder(t, 30, 30)
	emnist := t.TempDir()
	for _, name := range []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"} {
		content, err := os.ReadFile(filepath.Join(plain, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(emnist, "emnist-digits-"+name), content, 0o644))
	}
	remark := filepath.Join(emnist, "emnist-digits") +
		": EMNIST stores images transposed: they are turned upright; -as-stored leaves them\n"
	for _, command := range [][]string{
		{"eval", params, "-json"},
		{"images", "-as", "parquet"},
		{"maximize", params, "-layer", "c1", "-unit", "0", "-steps", "1", "-json"},
		{"atlas", params, "-layer", "c1", "-units", "1", "-steps", "1", "-json"},
	} {
		run := func(data string, flags ...string) (result, stderr string) {
			out := filepath.Join(t.TempDir(), "out.png")
			args := append(command, append(flags, "-data", data)...)
			if command[0] != "eval" {
				args = append(args, "-o", out)
			}
			stderr = onStderr(t, func() { result = succeed(t, args...) })
			if command[0] == "images" {
				content, err := os.ReadFile(filepath.Join(out, "train-00000-of-00001.parquet"))
				require.NoError(t, err)
				result = string(content)
			}
			return result, stderr
		}
		want, stderr := run(plain)
		assert.Empty(t, stderr, command)
		upright, stderr := run(emnist)
		assert.Equal(t, remark, stderr, command)
		assert.NotEqual(t, want, upright, command)
		stored, stderr := run(emnist, "-as-stored")
		assert.Empty(t, stderr, command)
		assert.Equal(t, want, stored, command)
	}
	other := saved(t, graph.Sequential("other", tensor.Shape{1, 20, 28}, graph.He(), graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Affine{Units: 10}, graph.Softmax{}))
	fail(t, cli.Failed, `model "other" takes 1×20×28, the images in `+plain, "atlas", other, "-data", plain, "-steps", "1", "-o",
		filepath.Join(t.TempDir(), "a.png"))
}
