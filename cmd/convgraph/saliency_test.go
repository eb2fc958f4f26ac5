package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
)

func TestSaliency(t *testing.T) {
	params, path, out := saved(t, builtIn(t, "lenet-modern")), page(t), filepath.Join(t.TempDir(), "s.png")
	assert.Regexp(t, `^predicted \d \(\d+\.\d\d%\)\n$`, succeed(t, "saliency", params, path, "-o", out))
	requireGolden(t, "saliency.png", out)
	succeed(t, "saliency", saved(t, smallAlexNet()), path, "-o", out)
	assert.Regexp(t, `^predicted \d \(.*\); the heat is for 9\n$`, succeed(t, "saliency", params, path, "-o", out, "-class", "9"))
	var said decision
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "saliency", params, path, "-o", out, "-class", "9", "-json")), &said))
	assert.Equal(t, path, said.Image)
	assert.Len(t, said.Top, 3)
	assert.Equal(t, 9, said.HeatOf)
}

// Of a linear model the heat is the weights' size, of three channels the largest.
func TestHeatOfALinearModel(t *testing.T) {
	spec := graph.Sequential("linear", tensor.Shape{3, 1, 2}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	m, err := graph.New(spec)
	require.NoError(t, err)
	weight, err := m.Param("fc1.weight")
	require.NoError(t, err)
	copy(weight.Float32s(), []float32{0, 0, 0, 0, 0, 0, 1, -2, -5, 0.5, 3, 1})
	heat, err := heatOf(m, &picture.Sample{Pixels: make([]float32, 6)}, 1)
	require.NoError(t, err)
	assert.Equal(t, []float32{5, 2}, heat.Data)
}

func TestSaliencyFailures(t *testing.T) {
	params := saved(t, builtIn(t, "lenet-modern"))
	fail(t, cli.BadUsage, `-class is 10: model "lenet-modern" has classes 0 to 9`, "saliency", params, page(t), "-o", "x.png", "-class", "10")
}
