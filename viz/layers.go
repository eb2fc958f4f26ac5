package viz

import (
	"bytes"
	"fmt"
	"io"
)

// LayerGraph is a drawing of a network's layers, top to bottom. Branches are side by side, layers
// that only follow another are stacked below it, and each block has a box.
type LayerGraph struct {
	Title  string
	Layers []LayerNode // in topological order; the first is the input, the last the output
}

// LayerNode is a layer.
type LayerNode struct {
	Name  string // "layer1.0.conv1"
	Text  string // what it does: "Conv2D 3×3, 64 filters"
	Shape string // of its output: "64×56×56"
	Block string // its box: "layer1.0"; "" for none
	Kind  LayerKind
	Reads []int // the indices of earlier layers; none for the input
}

// LayerKind is the kind of a layer, which has its own color.
type LayerKind int

// The kinds of layers.
const (
	LayerOther      LayerKind = iota // moves values, or works only in training
	LayerInput                       // the network's input
	LayerWeights                     // a convolution or a fully connected layer
	LayerNorm                        // a normalization
	LayerActivation                  // an elementwise function
	LayerPool                        // a pooling
	LayerJoin                        // a sum, a product, a concatenation
)

var layerKinds = []struct {
	name string
	colors
}{
	{"other", colors{"#f0f1f3", "#8b93a1", "#24272d", "#8b93a1"}},
	{"input", kindColors[KindInput]},
	{"weights", kindColors[KindOp]},
	{"normalization", kindColors[KindOutput]},
	{"activation", kindColors[KindGradient]},
	{"pooling", colors{"#e3f4f6", "#2b8794", "#143337", "#5fbdc9"}},
	{"join", kindColors[KindParameter]},
}

// String returns the kind as a word, which is its class in SVG and DOT.
func (k LayerKind) String() string {
	if k < 0 || int(k) >= len(layerKinds) {
		return fmt.Sprintf("LayerKind(%d)", int(k))
	}
	return layerKinds[k].name
}

func (g LayerGraph) check() error {
	if len(g.Layers) == 0 {
		return fmt.Errorf("layer graph: no layers")
	}
	for i, l := range g.Layers {
		if l.Kind < 0 || int(l.Kind) >= len(layerKinds) {
			return fmt.Errorf("layer graph: layer %q has the unknown kind %d", l.Name, int(l.Kind))
		}
		for _, from := range l.Reads {
			if from < 0 || from >= i {
				return fmt.Errorf("layer graph: layer %q reads layer %d: want one before it", l.Name, from)
			}
		}
	}
	return nil
}

// DOT writes the layers in Graphviz' language, with a cluster for each block.
func (g LayerGraph) DOT(w io.Writer) error {
	if err := g.check(); err != nil {
		return err
	}
	var b bytes.Buffer
	dotHead(&b, g.Title)
	written := map[string]bool{"": true}
	for i, first := range g.Layers {
		if first.Block == "" {
			b.WriteString("\t" + g.dotNode(i))
		}
		if written[first.Block] {
			continue
		}
		written[first.Block] = true
		dotCluster(&b, first.Block)
		for j, l := range g.Layers {
			if l.Block == first.Block {
				b.WriteString("\t\t" + g.dotNode(j))
			}
		}
		b.WriteString("\t}\n")
	}
	for i, l := range g.Layers {
		for _, from := range l.Reads {
			fmt.Fprintf(&b, "\t%d -> %d [label=%s]\n", from, i, quoteDOT(g.Layers[from].Shape))
		}
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}

func (g LayerGraph) dotNode(i int) string {
	l := g.Layers[i]
	text, c := l.Name, layerKinds[l.Kind].colors
	if l.Text != "" {
		text += "\n" + l.Text
	}
	return fmt.Sprintf("%d [label=%s class=%s fillcolor=\"%s\" color=\"%s\"]\n", i, quoteDOT(text),
		quoteDOT(l.Kind.String()), c.fill, c.line)
}

// WriteLayersDOT writes the layers in Graphviz' language into a file, which it creates or replaces.
func WriteLayersDOT(path string, g LayerGraph) error { return writeFile(path, g.DOT) }
