package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/viz"
)

// TestGraphOfBranches expects the layers of a network with branches, its ops with -ops, and the ops
// of a network without branches.
func TestGraphOfBranches(t *testing.T) {
	dir := t.TempDir()
	draw := func(args ...string) string {
		file := filepath.Join(dir, "graph"+args[1])
		succeed(t, append([]string{"graph", args[0], "-o", file}, args[2:]...)...)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return string(text)
	}
	svg := draw("resnet20", ".svg")
	wellFormed(t, svg)
	for _, what := range []string{">layer2.0<", ">Conv2D 3×3, 32 filters, stride 2, pad 1<",
		">16×28×28<", "layer1.0.relu2 → layer1.1.add1"} {
		assert.Contains(t, svg, what)
	}
	assert.Contains(t, draw("resnet20", ".svg", "-batch", "7"), ">7×16×28×28<")
	assert.NotContains(t, svg, "conv1.weight")
	assert.Contains(t, draw("resnet20", ".dot"), `subgraph "cluster_layer1.0"`)
	assert.Contains(t, draw("resnet20", ".dot", "-ops"), "conv1.weight")
	assert.Contains(t, draw("simpleconvnet", ".svg"), "conv1.weight")
}

// TestLayerTexts expects the settings of a layer that differ from the defaults.
func TestLayerTexts(t *testing.T) {
	square := graph.Square
	for want, l := range map[string]graph.Layer{
		"Conv2D 3×1, 8 filters, stride 2, pad 1×0, pad end 1, 4 groups": graph.Conv2D{
			Filters: 8, Kernel: graph.Pair{3, 1}, Stride: square(2), Pad: graph.Pair{1, 0}, PadEnd: square(1),
			Groups: 4, NoBias: true},
		"Conv2D 1×1, 8 filters": graph.Conv2D{Filters: 8, Kernel: square(1), Stride: square(1)},
		"MaxPool 3×3, stride 1, dilation 2": graph.MaxPool{Kernel: square(3), Stride: square(1),
			Dilation: square(2)},
		"AvgPool 2×2":                         graph.AvgPool{Kernel: square(2), Stride: square(2)},
		"Subsample kernel 2×2, coefficient 1": graph.Subsample{Kernel: square(2), Coefficient: 1},
		"Conv2D 5×5, 2 filters, partial connections": graph.Conv2D{Filters: 2, Kernel: square(5),
			Connections: [][]int{{0}, {1}}},
		"Affine 10 units":                       graph.Affine{Units: 10},
		"Clip max 6":                            graph.Clip{Max: 6},
		"LRN size 5, k 2, alpha 0.1, beta 0.75": graph.LRN{Size: 5, K: 2, Alpha: 0.1, Beta: 0.75},
		"Add":                                   graph.Add{},
	} {
		assert.Equal(t, want, layerText(&graph.Node{Layer: l}))
	}
}

// TestLayerKindsInPictures expects a kind for every layer, and "other" only for a few.
func TestLayerKindsInPictures(t *testing.T) {
	other := map[string]bool{
		"flatten": true, "slice": true, "channel_shuffle": true, "pad_channels": true, "dropout": true,
		"dropout2d": true, "stochastic_depth": true, "take": true, "rearrange": true, "pad": true, "resize": true,
	}
	for _, kind := range graph.Kinds() {
		l, _ := graph.LayerOfKind(kind)
		assert.Equal(t, other[kind], layerKindOf(l) == viz.LayerOther, kind)
	}
}
