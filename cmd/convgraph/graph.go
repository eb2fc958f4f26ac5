package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/viz"
)

// graphPicture is convgraph graph.
type graphPicture struct {
	Model string `arg:"" help:"A built-in's name, the path of a JSON spec, or a params.safetensors."`
	Out   string `short:"o" required:"" help:"Picture to write: .svg, or .dot for Graphviz." placeholder:"FILE"`
	Batch int    `default:"1" help:"Batch size the shapes are shown for."`
	Grad  bool   `help:"The loss and its gradients, too."`
}

// Run draws the symbolic graph.
func (c *graphPicture) Run() error {
	write := map[string]func(string, viz.Graph) error{
		".svg": func(path string, g viz.Graph) error { return viz.WriteSVG(path, g) },
		".dot": viz.WriteDOT,
	}[filepath.Ext(c.Out)]
	if write == nil {
		return cli.Usagef("-o is %q: want a name that ends in .svg or .dot", c.Out)
	}
	if c.Batch < 1 {
		return cli.Usagef("-batch is %d: want at least 1", c.Batch)
	}
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	d, err := m.Describe(c.Batch, c.Grad)
	if err != nil {
		return err
	}
	return write(c.Out, drawn(d, c.Grad))
}

var nodeKinds = map[graph.ValueKind]viz.NodeKind{
	graph.InputValue:     viz.KindInput,
	graph.ParameterValue: viz.KindParameter,
	graph.OpValue:        viz.KindOp,
	graph.GradientValue:  viz.KindGradient,
}

// drawn is a described graph as viz draws it.
func drawn(d *graph.Description, gradients bool) viz.Graph {
	g := viz.Graph{Title: d.Model}
	if gradients {
		g.Title += ", with gradients"
	}
	for _, n := range d.Nodes {
		id := fmt.Sprint(n.ID)
		g.Nodes = append(g.Nodes, viz.GraphNode{
			ID: id, Label: n.Label, Detail: n.Detail, Kind: nodeKinds[n.Kind], Group: n.Layer, Shape: shapeText(n.Shape),
		})
		for _, in := range n.Inputs {
			g.Edges = append(g.Edges, viz.GraphEdge{From: fmt.Sprint(in), To: id})
		}
	}
	return g
}

func shapeText(s tensor.Shape) string {
	if s.IsScalar() {
		return "scalar"
	}
	sizes := make([]string, len(s))
	for i, n := range s {
		sizes[i] = fmt.Sprint(n)
	}
	return strings.Join(sizes, "×")
}
