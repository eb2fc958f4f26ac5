package main

import (
	"fmt"
	"path/filepath"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/pretrained"
	"convgraph/viz"
)

// filters is convgraph filters.
type filters struct {
	Params string  `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Layer  string  `help:"The convolution's name, as convgraph summary lists it (default: the first)." placeholder:"NAME"`
	Before string  `type:"given" want:"a parameter file" help:"Compare with the same filters in this file, such as epochs/epoch-000.safetensors, which convgraph train -keep-epochs writes before learning." placeholder:"PARAMS"`
	Init   *uint64 `help:"Compare with the filters before learning, initialized from this seed." placeholder:"SEED"`
	Scale  string  `enum:"each,shared" default:"each" help:"each: every filter from its smallest weight (black) to its largest (white); shared: one scale for all, to compare them."`
}

// Help returns the text below a command's usage.
func (filters) Help() string {
	return `Filters of one input channel are gray, filters of three are red, green and blue. For deeper layers each ` +
		`row is a filter and each column an input channel, at most 32 of each. The note below the picture states the ` +
		`gray scale.`
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
	earlier, when, err := c.before(m)
	if err != nil {
		return err
	}
	if earlier == nil {
		return viz.WritePNG(string(c.Out), right)
	}
	before, err := findConvolution(earlier, after.node.Name)
	if err != nil {
		return err
	}
	if !before.weight.Shape().Eq(after.weight.Shape()) {
		return fmt.Errorf("-before: filters of %v, want %v as in %s", before.weight.Shape(), after.weight.Shape(),
			c.Params)
	}
	left := c.grid(before, fmt.Sprintf("%s, %s %s", m.Spec().Name, after.node.Name, when))
	both := viz.RangeOf(left.Filters.Data, right.Filters.Data)
	left.Range, right.Range = &both, &both
	return viz.WritePNG(string(c.Out), viz.SideBySide{left, right})
}

// before returns the network of the left picture and its caption; nil without -before and -init.
func (c *filters) before(m *graph.Model) (earlier *graph.Model, when string, err error) {
	switch {
	case c.Before != "" && c.Init != nil:
		return nil, "", cli.Usagef("got -before and -init, want one of them")
	case c.Before != "":
		earlier, err = pretrained.Load(c.Before)
		return earlier, "of " + filepath.Base(c.Before), err
	case c.Init != nil:
		earlier, err = graph.New(m.Spec(), graph.WithSeed(*c.Init))
		return earlier, fmt.Sprintf("before learning (seed %d)", *c.Init), err
	}
	return nil, "", nil
}

func (c *filters) grid(conv *convolution, title string) viz.FilterGrid {
	g := viz.FilterGrid{Title: title, Filters: conv.filters(), Numbers: true}
	if c.Scale == "shared" {
		g.Scale = viz.ScaleShared
	}
	if conv.layer.Connections != nil {
		g.Title += "; what isn't connected is 0"
	}
	return g
}
