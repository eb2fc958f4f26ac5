package main

import (
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

func TestRunAll(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.npz")
	succeed(t, "run", small(t), "testdata/small_io.npz", "-o", out, "-all")
	arrays := readArrays(t, out)
	for name, shape := range map[string]tensor.Shape{
		"conv1": {3, 3, 6, 6}, "relu1": {3, 3, 6, 6}, "pool1": {3, 3, 3, 3}, "fc1": {3, 5}, "relu2": {3, 5},
		"fc2": {3, 4}, "softmax1": {3, 4},
		"logits": {3, 4}, "probabilities": {3, 4},
	} {
		require.Contains(t, arrays, name)
		assert.Equal(t, shape, arrays[name].Shape(), name)
		assert.Equal(t, tensor.Float32, arrays[name].Dtype(), name)
	}
	assert.Len(t, arrays, 9)
	assert.Equal(t, arrays["logits"].Data(), arrays["fc2"].Data())
	assert.Equal(t, arrays["probabilities"].Data(), arrays["softmax1"].Data())
}

// TestRunTakesOneImage takes one image without the batch axis, and feature vectors of any shape.
func TestRunTakesOneImage(t *testing.T) {
	dir := t.TempDir()
	params, out := filepath.Join(dir, "net.safetensors"), filepath.Join(dir, "out.npz")
	flat := graph.Sequential("flat", tensor.Shape{12}, graph.He(), graph.Affine{Units: 2})
	image := graph.Sequential("image", tensor.Shape{3, 2, 2}, graph.He(), graph.Affine{Units: 2})
	for _, tt := range []struct {
		net     *graph.Spec
		x, want tensor.Shape // want is the logits' shape, nil for a refusal
	}{
		{flat, tensor.Shape{12}, tensor.Shape{1, 2}},
		{flat, tensor.Shape{2, 12}, tensor.Shape{2, 2}},
		{flat, tensor.Shape{3, 2, 2}, tensor.Shape{1, 2}},
		{flat, tensor.Shape{5, 3, 4}, tensor.Shape{5, 2}},
		{flat, tensor.Shape{5, 3}, nil},
		{image, tensor.Shape{3, 2, 2}, tensor.Shape{1, 2}},
		{image, tensor.Shape{1, 2, 2, 3}, nil},
		{image, tensor.Shape{12}, nil},
	} {
		m, err := graph.New(tt.net)
		require.NoError(t, err)
		require.NoError(t, m.Save(params))
		x := tensor.New(tensor.WithShape(tt.x...), tensor.Of(tensor.Float32))
		in := filepath.Join(dir, "in.npz")
		require.NoError(t, npz.Write(in, []formats.Array{{Name: "x", Value: x}}))
		if tt.want == nil {
			fail(t, 1, "want (N, then", "run", params, in, "-o", out)
			continue
		}
		succeed(t, "run", params, in, "-o", out)
		assert.Equal(t, tt.want, readArrays(t, out)["logits"].Shape(), "%v", tt.x)
	}
}

// TestRunFloat64 expects float64 logits, near the float32 ones but not equal.
func TestRunFloat64(t *testing.T) {
	params := small(t)
	single, double := answers(t, params, "testdata/small_io.npz"), answers(t, params, "testdata/small_io.npz",
		"-float64")
	assert.Equal(t, tensor.Float64, double.Dtype())
	assertClose(t, double, single, 1e-6, "logits")
	assert.NotEqual(t, formats.Convert(single, tensor.Float64).Data(), double.Data())
}

// TestRunWithoutSoftmax expects logits and no probabilities.
func TestRunWithoutSoftmax(t *testing.T) {
	m, err := graph.New(graph.Sequential("plain", tensor.Shape{1, 8, 8}, graph.He(), graph.Affine{Units: 2}))
	require.NoError(t, err)
	dir := t.TempDir()
	params, out := filepath.Join(dir, "plain.safetensors"), filepath.Join(dir, "out.npz")
	require.NoError(t, m.Save(params))
	succeed(t, "run", params, "testdata/small_io.npz", "-o", out)
	arrays := readArrays(t, out)
	assert.Len(t, arrays, 1)
	assert.Contains(t, arrays, "logits")
}

// TestGradients compares the numbers with PyTorch's, and in float64 bit by bit with the package's.
func TestGradients(t *testing.T) {
	params := small(t)
	in := readArrays(t, "testdata/small_io.npz")
	out := filepath.Join(t.TempDir(), "out.npz")
	assert.Empty(t, succeed(t, "gradients", params, "testdata/small_io.npz", "-o", out))
	got := readArrays(t, out)
	assert.Len(t, got, 8)
	for name, value := range got {
		want := in["d."+name]
		if name == "loss" {
			want = in["loss"]
		}
		assertClose(t, want, value, 1e-6, name)
	}

	succeed(t, "gradients", params, "testdata/small_io.npz", "-o", out, "-float64")
	got = readArrays(t, out)
	m, err := graph.Load(params, graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	want, err := m.Gradients(formats.Convert(in["x"], tensor.Float64), formats.Convert(in["t"], tensor.Float64))
	require.NoError(t, err)
	assert.Equal(t, want.Loss, got["loss"].ScalarValue())
	assertClose(t, want.Images, got["x"], 0, "x")
	for _, p := range want.Params {
		assertClose(t, p.Value, got[p.Name], 0, p.Name)
	}
}

func TestArraysErrors(t *testing.T) {
	params, dir := small(t), t.TempDir()
	out, lone := filepath.Join(dir, "out.npz"), filepath.Join(dir, "lone.npz")
	labels := formats.Array{Name: "t", Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{0}))}
	require.NoError(t, npz.Write(lone, []formats.Array{labels}))
	for _, command := range []string{"run", "gradients"} {
		fail(t, cli.Failed, `there is no array "x": want images (N, then (1, 8, 8))`, command, params, lone, "-o", out)
		fail(t, cli.Failed, "missing.npz", command, params, "missing.npz", "-o", out)
		fail(t, cli.Failed, "missing.safetensors", command, "missing.safetensors", lone, "-o", out)
		fail(t, cli.BadUsage, "missing flags: --out", command, params, lone)
		fail(t, cli.BadUsage, `expected "<in>"`, command, params, "-o", out)
	}
	fail(t, cli.Failed, "(1, 8, 8)", "run", params, "testdata/partial_io.npz", "-o", out)
	images := formats.Array{Name: "x", Value: tensor.New(tensor.WithShape(1, 1, 8, 8), tensor.Of(tensor.Float32))}
	require.NoError(t, npz.Write(lone, []formats.Array{images}))
	fail(t, cli.Failed, `there is no array "t": want labels`, "gradients", params, lone, "-o", out)
	assert.NoFileExists(t, out)
}
