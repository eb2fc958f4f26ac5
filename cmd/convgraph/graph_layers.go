package main

import (
	"fmt"
	"regexp"
	"strings"

	"convgraph/graph"
	"convgraph/viz"
)

// mostOps is the number of layers up to which a symbolic graph is easy to read.
const mostOps = 40

// showsLayers reports whether to draw the layers instead of the symbolic graph: the network has
// branches or many layers.
func showsLayers(m *graph.Model) bool {
	nodes := m.Nodes()
	if len(nodes) > mostOps {
		return true
	}
	for _, n := range nodes {
		if len(n.Inputs) > 1 {
			return true
		}
	}
	return false
}

func writeLayers(path, ext string, g viz.LayerGraph) error {
	if ext == ".dot" {
		return viz.WriteLayersDOT(path, g)
	}
	return viz.WriteSVG(path, g)
}

// layerPicture converts a network's layers for viz.
func layerPicture(m *graph.Model, batch int) viz.LayerGraph {
	g := viz.LayerGraph{Title: m.Spec().Name}
	nodes := m.Nodes()
	index, block := map[*graph.Node]int{}, blockNames(nodes)
	shape := func(n *graph.Node) string {
		text := shapeText(n.Shape)
		if batch > 1 {
			text = fmt.Sprintf("%d×%s", batch, text)
		}
		return text
	}
	for _, n := range nodes {
		l := viz.LayerNode{
			Name: n.Name, Text: layerText(n), Shape: shape(n), Block: block(n.Name), Kind: layerKindOf(n.Layer),
		}
		for _, in := range n.Inputs {
			if in.IsInput() && len(g.Layers) == 0 {
				g.Layers = append(g.Layers, viz.LayerNode{Name: in.Name, Shape: shape(in), Kind: viz.LayerInput})
				index[in] = 0
			}
			l.Reads = append(l.Reads, index[in])
		}
		index[n] = len(g.Layers)
		g.Layers = append(g.Layers, l)
	}
	return g
}

// blockNames finds the blocks and returns a function from a layer's name to its block's. A join's
// name up to the last dot is a block's name. Of nested blocks the outermost counts.
func blockNames(nodes []*graph.Node) func(name string) string {
	blocks := map[string]bool{}
	for _, n := range nodes {
		if dot := strings.LastIndexByte(n.Name, '.'); dot > 0 && len(n.Inputs) > 1 {
			blocks[n.Name[:dot]] = true
		}
	}
	return func(name string) string {
		for end, r := range name {
			if r == '.' && blocks[name[:end]] {
				return name[:end]
			}
		}
		return ""
	}
}

func layerKindOf(l graph.Layer) viz.LayerKind {
	switch l.(type) {
	case graph.Conv2D, graph.Affine:
		return viz.LayerWeights
	case graph.BatchNorm, graph.GroupNorm, graph.LayerNorm, graph.LRN, graph.Normalize, graph.Scale:
		return viz.LayerNorm
	case graph.ActivationFunction, graph.PReLU, graph.Softmax, graph.LogSoftmax:
		return viz.LayerActivation
	case graph.MaxPool, graph.AvgPool, graph.LpPool, graph.Subsample, graph.GlobalMaxPool, graph.GlobalAvgPool:
		return viz.LayerPool
	case graph.Join:
		return viz.LayerJoin
	}
	return viz.LayerOther
}

// layerText describes a layer in a few words: "Conv2D 3×3, 64 filters, stride 2, pad 1".
func layerText(n *graph.Node) string {
	var words []string
	switch l := n.Layer.(type) {
	case graph.Conv2D:
		words = append(words, "Conv2D "+sizeText(l.Kernel), fmt.Sprintf("%d filters", l.Filters))
		words = append(words, windowText(l.Stride, graph.Square(1), l.Pad, l.PadBegin, l.PadEnd, l.Dilation)...)
		if l.Groups > 1 {
			words = append(words, fmt.Sprintf("%d groups", l.Groups))
		}
		if l.Connections != nil {
			words = append(words, "partial connections")
		}
	case graph.MaxPool:
		words = append(words, "MaxPool "+sizeText(l.Kernel))
		words = append(words, windowText(l.Stride, l.Kernel, l.Pad, l.PadBegin, l.PadEnd, l.Dilation)...)
	case graph.AvgPool:
		words = append(words, "AvgPool "+sizeText(l.Kernel))
		words = append(words, windowText(l.Stride, l.Kernel, l.Pad, l.PadBegin, l.PadEnd, l.Dilation)...)
	case graph.Affine:
		words = append(words, fmt.Sprintf("Affine %d units", l.Units))
	default:
		return inWords(graph.Code(l))
	}
	return strings.Join(words, ", ")
}

func sizeText(p graph.Pair) string { return fmt.Sprintf("%d×%d", p[0], p[1]) }

// windowText lists the settings of a window that differ from the defaults.
func windowText(stride, usual, pad, begin, end, dilation graph.Pair) (words []string) {
	for _, part := range []struct {
		name        string
		value, none graph.Pair
	}{{"stride", stride, usual}, {"pad", pad, graph.Pair{}}, {"pad begin", begin, graph.Pair{}}, {"pad end", end,
		graph.Pair{}},
		{"dilation", dilation, graph.Square(1)}} {
		switch v := part.value; {
		case v == part.none, v == graph.Pair{}:
		case v[0] == v[1]:
			words = append(words, fmt.Sprintf("%s %d", part.name, v[0]))
		default:
			words = append(words, part.name+" "+sizeText(v))
		}
	}
	return words
}

// inWords turns "Clip{Max: 6}" into "Clip max 6".
func inWords(code string) string {
	kind, fields, _ := strings.Cut(strings.TrimSuffix(code, "}"), "{")
	if fields == "" {
		return kind
	}
	for _, pair := range pairs {
		fields = pair.code.ReplaceAllString(fields, pair.words)
	}
	return kind + " " + strings.ToLower(strings.ReplaceAll(fields, ": ", " "))
}

// pairs turns sizes from code into words.
var pairs = []struct {
	code  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`Square\((\d+)\)`), "$1×$1"},
	{regexp.MustCompile(`Pair\{(\d+), (\d+)\}`), "$1×$2"},
}
