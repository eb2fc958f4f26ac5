package onnx_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/onnx"
)

var exports = flag.String("exports", "",
	"folder of parameter files, beside which TestWriteExports writes what testdata/check_export.py reads")

// TestEveryBuiltInComesBack exports every built-in network, small where it can be, and reads it
// again.
func TestEveryBuiltInComesBack(t *testing.T) {
	for _, name := range models.Names() {
		requireComesBack(t, builtIn(t, name), name)
	}
}

// TestWriteExports writes the export of every built-in network and of every parameter file in a
// folder, with images and our answers. graph's TestWriteRandomNetworks makes parameter files.
func TestWriteExports(t *testing.T) {
	if *exports == "" {
		t.Skip("-exports says no folder")
	}
	for _, name := range models.Names() {
		writeExport(t, builtIn(t, name), filepath.Join(*exports, name))
	}
	files, err := filepath.Glob(filepath.Join(*exports, "*.safetensors"))
	require.NoError(t, err)
	for _, path := range files {
		m, err := graph.Load(path)
		require.NoError(t, err)
		writeExport(t, m, strings.TrimSuffix(path, ".safetensors"))
	}
}

// builtIn is a network of random parameters, none of which is 0.
func builtIn(t *testing.T, name string) *graph.Model {
	t.Helper()
	var options models.Options
	if models.Takes(name, "size") {
		options.Size = 67
	}
	if models.Takes(name, "width") {
		options.Width = 0.25
	}
	spec, err := models.Build(name, options)
	require.NoError(t, err)
	m, err := graph.New(spec, graph.WithSeed(1))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range m.Params() {
		for i, values := 0, p.Value.Float32s(); i < len(values); i++ {
			values[i] += 0.01 * float32(math.Abs(r.NormFloat64()))
		}
	}
	return m
}

func writeExport(t *testing.T, m *graph.Model, path string) {
	t.Helper()
	data, x := requireComesBack(t, m, path)
	require.NoError(t, os.WriteFile(path+".onnx", data, 0o644))
	logits, output := answers(t, m, x)
	require.NoError(t, npz.Write(path+".npz",
		[]formats.Array{{Name: "x", Value: x}, {Name: "logits", Value: logits}, {Name: "output", Value: output}}))
}

// requireComesBack wants the export to be the same model when it is read, to the bit.
func requireComesBack(t *testing.T, m *graph.Model, what string) (data []byte, x *tensor.Dense) {
	t.Helper()
	data, err := onnx.Marshal(m)
	require.NoError(t, err, what)
	back, err := onnx.Decode(data)
	require.NoError(t, err, what)
	require.Equal(t, m.Spec(), back.Spec(), what)
	require.Equal(t, len(m.Params()), len(back.Params()), what)
	x = ramp(append(tensor.Shape{2}, m.Spec().Input...))
	logits, output := answers(t, m, x)
	logitsBack, outputBack := answers(t, back, x)
	require.Equal(t, logits.Data(), logitsBack.Data(), what)
	require.Equal(t, output.Data(), outputBack.Data(), what)
	return data, x
}

// answers are the logits and what the last layer makes of them.
func answers(t *testing.T, m *graph.Model, x *tensor.Dense) (logits, output *tensor.Dense) {
	t.Helper()
	logits, err := m.Predict(x)
	require.NoError(t, err)
	all, err := m.Activations(x)
	require.NoError(t, err)
	return logits, all[len(all)-1].Value
}
