package main

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/viz"
)

// convolution is a convolution layer with its weight.
type convolution struct {
	node   *graph.Node
	layer  graph.Conv2D
	weight *tensor.Dense
}

// channels is the number of input channels.
func (c *convolution) channels() int { return c.node.Inputs[0].Shape[0] }

// findConvolution returns the convolution with this name, or the first for an empty name.
func findConvolution(m *graph.Model, name string) (*convolution, error) {
	var known []string
	for _, n := range m.Nodes() {
		conv, is := n.Layer.(graph.Conv2D)
		if is && (name == "" || name == n.Name) {
			return &convolution{n, conv, n.Param("weight").Value}, nil
		}
		if is {
			known = append(known, n.Name)
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("model %q has no convolution, so it has no filters", m.Spec().Name)
	}
	return nil, cli.Usagef("-layer is %q: the convolutions of model %q are %s", name, m.Spec().Name,
		strings.Join(known, ", "))
}

// filters returns the weights, with 0 for missing connections.
func (c *convolution) filters() viz.Filters {
	s, weights := c.weight.Shape(), c.weight.Float32s()
	if c.layer.Connections == nil {
		return viz.Filters{Out: s[0], In: s[1], Height: s[2], Width: s[3], Data: weights}
	}
	f := viz.Filters{Out: c.layer.Filters, In: c.channels(), Height: s[1], Width: s[2]}
	f.Data = make([]float32, f.Out*f.In*f.Height*f.Width)
	plane := f.Height * f.Width
	for filter, inputs := range c.layer.Connections {
		for _, channel := range inputs {
			copy(f.Filter(filter).Plane(channel), weights[:plane])
			weights = weights[plane:]
		}
	}
	return f
}
