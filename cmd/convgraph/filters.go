package main

import (
	"fmt"
	"path/filepath"

	"convgraph/graph"
	"convgraph/pretrained"
	"convgraph/viz"
)

// filters is convgraph filters.
type filters struct {
	Params string  `arg:"" help:"The params.safetensors of a model, or squeezenet, which comes with the program."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Layer  string  `help:"A convolution's name, as convgraph summary lists it; without it the first." placeholder:"NAME"`
	Init   *uint64 `help:"Show beside them the same filters before learning, drawn from this seed." placeholder:"SEED"`
	Scale  string  `enum:"each,shared" default:"each" help:"each: every filter from its own least weight (black) to its own greatest (white); shared: one scale for all, which makes them comparable."`
}

// Help is the longer help.
func (filters) Help() string {
	return `One input channel makes grey filters, three make coloured ones (red, green, blue); deeper layers get a row a filter and a column an input ` +
		`channel, the first 32 of each. The note below the picture says what the greys stand for.`
}

// Run draws the filters.
func (c *filters) Run() error {
	m, err := pretrained.Load(c.Params)
	if err != nil {
		return err
	}
	after, err := findConvolution(m, c.Layer)
	if err != nil {
		return err
	}
	right := c.grid(after, fmt.Sprintf("%s, %s of %s", m.Spec().Name, after.node.Name, filepath.Base(c.Params)))
	if c.Init == nil {
		return viz.WritePNG(string(c.Out), right)
	}
	untrained, err := graph.New(m.Spec(), graph.WithSeed(*c.Init))
	if err != nil {
		return err
	}
	before, err := findConvolution(untrained, after.node.Name)
	if err != nil {
		return err
	}
	left := c.grid(before, fmt.Sprintf("%s, %s before learning (seed %d)", m.Spec().Name, after.node.Name, *c.Init))
	both := viz.RangeOf(left.Filters.Data, right.Filters.Data)
	left.Range, right.Range = &both, &both
	return viz.WritePNG(string(c.Out), viz.SideBySide{left, right})
}

func (c *filters) grid(conv *convolution, title string) viz.FilterGrid {
	g := viz.FilterGrid{Title: title, Filters: conv.filters()}
	if c.Scale == "shared" {
		g.Scale = viz.ScaleShared
	}
	if conv.layer.Connections != nil {
		g.Title += "; what isn't connected is 0"
	}
	return g
}
