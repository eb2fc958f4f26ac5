package viz_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph/formats/dot"

	"convgraph/viz"
)

// layersOf is a layer graph under construction.
type layersOf struct {
	viz.LayerGraph
	index map[string]int
}

func newLayers(title, shape string) *layersOf {
	g := &layersOf{index: map[string]int{}}
	g.Title = title
	g.add(viz.LayerInput, "", "input", "", shape)
	return g
}

// add adds a layer that reads the named ones, or the one before it.
func (g *layersOf) add(kind viz.LayerKind, block, name, text, shape string, from ...string) {
	l := viz.LayerNode{Name: name, Text: text, Shape: shape, Block: block, Kind: kind}
	if block != "" {
		l.Name = block + "." + name
	}
	for _, f := range from {
		l.Reads = append(l.Reads, g.index[f])
	}
	if from == nil && len(g.Layers) > 0 {
		l.Reads = []int{len(g.Layers) - 1}
	}
	g.index[l.Name] = len(g.Layers)
	g.Layers = append(g.Layers, l)
}

// conv adds a convolution, its normalization and its rectifier.
func (g *layersOf) conv(block, name, text, shape string, from ...string) {
	g.add(viz.LayerWeights, block, name, "Conv2D "+text, shape, from...)
	g.add(viz.LayerNorm, block, name+".bn", "BatchNorm", shape)
	g.add(viz.LayerActivation, block, name+".relu", "ReLU", shape)
}

func residualLayers() viz.LayerGraph {
	g := newLayers("residual blocks", "3×32×32")
	g.conv("", "conv1", "3×3, 16 filters, pad 1", "16×32×32")
	for i, from := range []string{"conv1.relu", "layer1.relu2"} {
		block, shape := []string{"layer1", "layer2"}[i], []string{"16×32×32", "32×16×16"}[i]
		g.conv(block, "conv1", "3×3, 16 filters, pad 1", shape, from)
		g.conv(block, "conv2", "3×3, 16 filters, pad 1", shape)
		shortcut := from
		if i == 1 {
			g.add(viz.LayerWeights, block, "downsample", "Conv2D 1×1, 32 filters, stride 2", shape, from)
			shortcut = "layer2.downsample"
		}
		g.add(viz.LayerJoin, block, "add1", "Add", shape, block+".conv2.relu", shortcut)
		g.add(viz.LayerActivation, block, "relu2", "ReLU", shape)
	}
	g.add(viz.LayerPool, "", "pool1", "GlobalAvgPool", "32×1×1")
	g.add(viz.LayerWeights, "", "fc", "Affine 10 units", "10")
	return g.LayerGraph
}

func inceptionLayers() viz.LayerGraph {
	g := newLayers("an inception module", "192×28×28")
	block := "inception3a"
	g.conv(block, "branch1", "1×1, 64 filters", "64×28×28", "input")
	g.conv(block, "branch2.0", "1×1, 96 filters", "96×28×28", "input")
	g.conv(block, "branch2.1", "3×3, 128 filters, pad 1", "128×28×28")
	g.add(viz.LayerPool, block, "branch3.0", "MaxPool 3×3, stride 1, pad 1", "192×28×28", "input")
	g.conv(block, "branch3.1", "1×1, 32 filters", "32×28×28")
	g.add(viz.LayerJoin, block, "concat1", "Concat", "224×28×28", block+".branch1.relu", block+".branch2.1.relu",
		block+".branch3.1.relu")
	return g.LayerGraph
}

// denseLayers returns layers that don't decompose into branches, with interleaved blocks, which get
// no boxes.
func denseLayers() viz.LayerGraph {
	g := newLayers("", "8×9×9")
	g.add(viz.LayerWeights, "odd", "conv1", "Conv2D 3×3, 8 filters", "8×9×9")
	g.add(viz.LayerJoin, "even", "concat1", "Concat", "16×9×9", "input", "odd.conv1")
	g.add(viz.LayerWeights, "odd", "conv2", "Conv2D 3×3, 8 filters", "8×9×9")
	g.add(viz.LayerJoin, "even", "concat2", "Concat", "24×9×9", "input", "odd.conv1", "odd.conv2")
	g.add(viz.LayerOther, "odd", "slice1", "Slice end 8", "8×9×9")
	g.add(viz.LayerJoin, "", "concat3", "Concat", "24×9×9", "odd.conv1", "odd.conv2", "odd.slice1")
	return g.LayerGraph
}

func TestLayerPictures(t *testing.T) {
	for name, g := range map[string]viz.LayerGraph{
		"layers-residual": residualLayers(), "layers-inception": inceptionLayers(), "layers-dense": denseLayers(),
	} {
		t.Run(name, func(t *testing.T) {
			var svg bytes.Buffer
			require.NoError(t, viz.EncodeSVG(&svg, g))
			sameText(t, filepath.Join("testdata", name+".svg"), svg.Bytes())
		})
	}
}

// Every layer, text and shape is in the picture, and every edge has a wire.
func TestLayerPicturesShowEverything(t *testing.T) {
	g := residualLayers()
	var svg bytes.Buffer
	require.NoError(t, viz.EncodeSVG(&svg, g))
	texts, titles := svgTexts(t, svg.Bytes()), elements(t, svg.Bytes(), "title")
	assert.Subset(t, texts, []string{"residual blocks", "layer1", "layer2", "conv1", "downsample",
		"Conv2D 1×1, 32 filters, stride 2", "16×32×32", "weights"})
	assert.Subset(t, titles, []string{"layer1.relu2 → layer2.downsample, 16×32×32", "layer2.add1, Add, 32×16×16"})
	assert.Len(t, elements(t, svg.Bytes(), "path"), 12+1, "a wire for each stack's value, and the tip")
	assert.NotContains(t, texts, "layer1.conv1", "in its box a layer goes by its short name")
}

// Interleaved blocks have no boxes, so their layers' names are complete.
func TestLayersOfMixedBlocks(t *testing.T) {
	var svg bytes.Buffer
	require.NoError(t, viz.EncodeSVG(&svg, denseLayers()))
	texts := svgTexts(t, svg.Bytes())
	assert.Subset(t, texts, []string{"odd.conv1", "even.concat1"})
	assert.NotContains(t, texts, "odd")
}

func TestLayersDOT(t *testing.T) {
	g := residualLayers()
	path := filepath.Join(t.TempDir(), "layers.dot")
	require.NoError(t, viz.WriteLayersDOT(path, g))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	file, err := dot.ParseString(string(text))
	require.NoError(t, err, string(text))
	nodes, edges, clusters := countDOT(file.Graphs[0].Stmts)
	want := 0
	for _, l := range g.Layers {
		want += len(l.Reads)
	}
	assert.Equal(t, []int{len(g.Layers), want, 2}, []int{nodes, edges, clusters})
}

func TestLayerGraphsThatAreNone(t *testing.T) {
	for want, layers := range map[string][]viz.LayerNode{
		"layer graph: no layers":                        nil,
		`layer graph: layer "a" has the unknown kind 9`: {{Name: "a", Kind: 9}},
		`layer graph: layer "b" reads layer 1: want one before it`: {{Name: "a"},
			{Name: "b", Reads: []int{1}}},
		"layer graph: flow: node 1 reads 0 nodes: want at least one for all but the first": {{Name: "a"}, {Name: "b"}},
	} {
		g := viz.LayerGraph{Layers: layers}
		assert.EqualError(t, viz.EncodeSVG(io.Discard, g), want)
		if layers == nil || len(layers) == 1 {
			assert.EqualError(t, g.DOT(io.Discard), want)
		}
	}
}
