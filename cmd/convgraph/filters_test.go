package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
)

func TestFilters(t *testing.T) {
	params := saved(t, builtIn(t, "lenet"))
	for name, args := range map[string][]string{
		"filters.png":        nil,
		"filters-before.png": {"-init", "3", "-scale", "shared"},
		"filters-c3.png":     {"-layer", "c3"},
	} {
		out := filepath.Join(t.TempDir(), name)
		assert.Empty(t, succeed(t, append([]string{"filters", params, "-o", out}, args...)...))
		requireGolden(t, name, out)
	}
	colour := filepath.Join(t.TempDir(), "filters-colour.png")
	succeed(t, "filters", saved(t, smallAlexNet()), "-o", colour)
	requireGolden(t, "filters-colour.png", colour)
}

// TestFiltersOfPartialConnections expects zeros for channels that a filter doesn't read.
func TestFiltersOfPartialConnections(t *testing.T) {
	spec := graph.Sequential("partial", tensor.Shape{3, 4, 4}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(1), Connections: [][]int{{0, 2}, {1}}})
	m, err := graph.New(spec)
	require.NoError(t, err)
	weight, err := m.Param("conv1.weight")
	require.NoError(t, err)
	copy(weight.Float32s(), []float32{5, 6, 7})
	conv, err := findConvolution(m, "")
	require.NoError(t, err)
	assert.Equal(t, []float32{5, 0, 6, 0, 7, 0}, conv.filters().Data)
}

func TestFiltersFailures(t *testing.T) {
	params, out := saved(t, builtIn(t, "lenet")), filepath.Join(t.TempDir(), "x.png")
	fail(t, cli.BadUsage, `-layer is "f6": the convolutions of model "lenet" are c1, c3, c5`,
		"filters", params, "-o", out, "-layer", "f6")
	fail(t, cli.BadUsage, "missing flags: --out=PNG (see convgraph filters -help)", "filters", params)
	flat := saved(t, graph.Sequential("flat", tensor.Shape{1, 2, 2}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}))
	fail(t, cli.Failed, `model "flat" has no convolution, so it has no filters`, "filters", flat, "-o", out)
	assert.NoFileExists(t, out)
}

// TestPicturesArePNG: other extensions than .png are refused before anything is computed.
func TestPicturesArePNG(t *testing.T) {
	for _, command := range [][]string{
		{"filters", "p.safetensors"}, {"apply", "p.safetensors"}, {"saliency", "p.safetensors", "x.png"},
		{"maximize", "p.safetensors", "-layer", "conv1", "-unit", "0"},
	} {
		for _, out := range []string{"x.jpg", "x", "png"} {
			fail(t, cli.BadUsage, fmt.Sprintf("%q: want a name that ends in .png", out), append(command, "-o", out)...)
		}
	}
}

// TestFiltersBefore: the left picture shows the earlier file.
func TestFiltersBefore(t *testing.T) {
	params, out := saved(t, builtIn(t, "lenet")), filepath.Join(t.TempDir(), "f.png")
	succeed(t, "filters", params, "-o", out)
	alone := readPNG(t, out).Bounds().Dx()
	succeed(t, "filters", params, "-o", out, "-before", params)
	assert.Greater(t, readPNG(t, out).Bounds().Dx(), alone*3/2)
	fail(t, cli.BadUsage, "got -before and -init: want one of them", "filters", params, "-o", out, "-before", params,
		"-init", "1")
	other := saved(t, builtIn(t, "simpleconvnet"))
	fail(t, cli.BadUsage, `-layer is "c1"`, "filters", params, "-o", out, "-before", other)
}
