package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
	"convgraph/viz"
)

// features is convgraph features.
type features struct {
	Params string `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Image  string `arg:"" help:"The picture."`
	Out    string `short:"o" required:"" help:"Folder for the pictures; created if missing." placeholder:"DIR"`
	Scale  string `enum:"each,shared" default:"shared" help:"shared: one grey scale for a layer; each: every map from its minimum (black) to its maximum (white)."`
	JSON   bool   `name:"json" help:"Print the prediction and the number of pages as JSON."`
	pictureFlags
}

// pages is what features -json prints.
type pages struct {
	*classify.Prediction           // nil without probabilities
	Outputs              []float32 `json:"outputs,omitempty"` // without probabilities
	Pages                int       `json:"pages"`
}

// Help returns the text below a command's usage.
func (features) Help() string {
	return `Writes a picture of each layer's output for IMAGE (01-conv1.png, 02-relu1.png, …), and overview.png, ` +
		`from the input to the class scores. For a network with many layers the overview shows the outputs of its ` +
		`blocks.

` + picturesHelp
}

// Run draws the pages and the overview.
func (c *features) Run(stdout io.Writer) error {
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	s, err := c.read(m, c.Image)
	if err != nil {
		return err
	}
	activations, err := m.Activations(asBatch(s.Pixels, m.Spec().Input))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	layers := rowsOf(activations)
	for i, layer := range layers {
		if err := viz.WritePNG(c.page(i, len(layers), layer), c.maps(m, layer)); err != nil {
			return err
		}
	}
	a, err := newAnswer(m, c.Image, s)
	if err != nil {
		return err
	}
	if err := c.overview(m, s, layers, a); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, pages{a.prediction, a.values, len(layers)})
	}
	_, err = fmt.Fprintf(stdout, "%s%d pages and overview.png in %s\n", a.before("; "), len(layers), c.Out)
	return err
}

// rowsOf describes each layer: its name, its kind, its output.
func rowsOf(activations []graph.Activation) []viz.OverviewRow {
	all := make([]viz.OverviewRow, len(activations))
	for i, a := range activations {
		all[i] = viz.OverviewRow{
			Name: a.Node.Name, Detail: layerText(a.Node), Maps: planes(a.Value.Float32s(), a.Node.Shape),
		}
		if i > 0 && (len(a.Node.Inputs) > 1 || a.Node.Inputs[0] != activations[i-1].Node) {
			all[i].Detail += " of " + readsText(a.Node)
		}
	}
	return all
}

// readsText lists the layers that a layer reads.
func readsText(n *graph.Node) string {
	const most = 4
	var names []string
	for _, in := range n.Inputs {
		names = append(names, in.Name)
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// page returns a page's path. All numbers have the same count of digits, at least two, so that the
// names sort in the order of the layers.
func (c *features) page(i, pages int, layer viz.OverviewRow) string {
	digits := max(2, len(fmt.Sprint(pages)))
	return filepath.Join(c.Out, fmt.Sprintf("%0*d-%s.png", digits, i+1, fileName(layer.Name)))
}

// fileName returns a layer's name with _ for every character that isn't safe in a file name.
func fileName(name string) string {
	safe := []rune(name)
	for i, r := range safe {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			safe[i] = '_'
		}
	}
	return string(safe)
}

func (c *features) maps(m *graph.Model, layer viz.OverviewRow) viz.FeatureMaps {
	f := viz.FeatureMaps{Title: fmt.Sprintf("%s, %s (%s): %s", m.Spec().Name, layer.Name, layer.Detail,
		filepath.Base(c.Image)), Maps: layer.Maps}
	if c.Scale == "shared" {
		f.Scale = viz.ScaleShared
	}
	return f
}

// overview draws the input, the layers worth showing, and the prediction.
func (c *features) overview(m *graph.Model, s *picture.Sample, layers []viz.OverviewRow, a *answer) error {
	input, err := pictureOf(m.Spec(), s.Pixels)
	if err != nil {
		return err
	}
	o := viz.Overview{
		Title: fmt.Sprintf("%s reads %s", m.Spec().Name,
			filepath.Base(c.Image)), Input: input, Labels: m.Spec().ClassNames,
		Probabilities: a.probabilities, Independent: a.independent(m), Values: a.values,
	}
	shown := overviewNodes(m)
	for i, n := range m.Nodes() {
		if shown[n] {
			o.Rows = append(o.Rows, layers[i])
		}
	}
	if len(shown) < len(changing(m)) {
		o.Note = fmt.Sprintf("%d of %d layers: what the blocks give", len(shown), len(layers))
	}
	return viz.WritePNG(filepath.Join(c.Out, "overview.png"), o)
}
