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
	Model string `arg:"" help:"A built-in model, a JSON spec or a params.safetensors. Built in: ${models}."`
	Out   string `short:"o" required:"" help:"Picture to write: .svg, or .dot for Graphviz." placeholder:"FILE"`
	Batch int    `default:"1" help:"Batch size of the shapes."`
	Ops   bool   `help:"Draw the symbolic graph of any network."`
	Grad  bool   `help:"Draw the symbolic graph with the loss and its gradients."`
}

// Help returns the text below a command's usage.
func (graphPicture) Help() string {
	return `Draws the symbolic graph: every op with its parameters. A network with branches, or with more than 40 ` +
		`layers, is drawn as layers with a box around each block, which is easier to read; -ops or -grad draws its ` +
		`symbolic graph.`
}

// Run draws the graph.
func (c *graphPicture) Run() error {
	ext := filepath.Ext(c.Out)
	if ext != ".svg" && ext != ".dot" {
		return cli.Usagef("-o is %q: want a name that ends in .svg or .dot", c.Out)
	}
	if c.Batch < 1 {
		return cli.Usagef("-batch is %d: want at least 1", c.Batch)
	}
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	if !c.Ops && !c.Grad && showsLayers(m) {
		return writeLayers(c.Out, ext, layerPicture(m, c.Batch))
	}
	d, err := m.Describe(c.Batch, c.Grad)
	if err != nil {
		return err
	}
	g := drawn(d, c.Grad)
	if ext == ".dot" {
		return viz.WriteDOT(c.Out, g)
	}
	return viz.WriteSVG(c.Out, g)
}

var nodeKinds = map[graph.ValueKind]viz.NodeKind{
	graph.InputValue:     viz.KindInput,
	graph.ParameterValue: viz.KindParameter,
	graph.OpValue:        viz.KindOp,
	graph.GradientValue:  viz.KindGradient,
}

// drawn converts a description for viz.
func drawn(d *graph.Description, gradients bool) viz.Graph {
	g := viz.Graph{Title: d.Model}
	if gradients {
		g.Title += ", with gradients"
	}
	for _, n := range d.Nodes {
		id := fmt.Sprint(n.ID)
		g.Nodes = append(g.Nodes, viz.GraphNode{
			ID: id, Label: n.Label, Detail: n.Detail, Kind: nodeKinds[n.Kind], Group: n.Layer,
			Shape: shapeText(n.Shape),
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
