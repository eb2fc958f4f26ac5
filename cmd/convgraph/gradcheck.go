package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/ops/gradcheck"
)

// gradCheck is convgraph gradcheck.
type gradCheck struct {
	Model      string `arg:"" help:"A built-in's name, the path of a JSON spec, a params.safetensors, or all for every built-in: ${models}."`
	Batch      int    `default:"1" help:"Images in the batch that is differentiated."`
	Seed       uint64 `default:"0" help:"Seed of the parameters, the images and the directions."`
	Directions int    `default:"-1" help:"Random directions per parameter, instead of every element; 0 is every element, -1 is what suits the model's size."`
	JSON       bool   `name:"json" help:"The reports as JSON."`
}

// fullParameters is the size up to which every element is checked.
const (
	fullParameters    = 5_000
	defaultDirections = 8
	manyParameters    = 30 // weights and biases of all layers
	smallSide         = 33 // of the images of built-ins that take any size, where it is enough
	thinning          = 8  // of their filters one stays
)

// Run checks and prints; a wrong gradient is an error.
func (c *gradCheck) Run(stdout io.Writer) error {
	names := []string{c.Model}
	if c.Model == "all" {
		names = models.Names()
	}
	reports := map[string]*gradcheck.Report{}
	var failed error
	for _, name := range names {
		report, err := c.check(name)
		if err != nil {
			return err
		}
		reports[name] = report
		if !c.JSON {
			fmt.Fprintf(stdout, "%s\n%v\n", name, report)
		}
		if err := report.Err(); err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	}
	if c.JSON {
		if err := writeJSON(stdout, reports); err != nil {
			return err
		}
	}
	return failed
}

func (c *gradCheck) check(name string) (*gradcheck.Report, error) {
	m, err := c.model(name)
	if err != nil {
		return nil, err
	}
	step, err := m.NewStep(c.Batch)
	if err != nil {
		return nil, err
	}
	defer step.Close()
	c.fill(step)
	f := function(m, step)
	return f.Check(c.options(m, len(f.Inputs)))
}

// model is the named one in float64; of the built-ins with more parameters than anybody wants to wait for, a small relative.
func (c *gradCheck) model(name string) (*graph.Model, error) {
	options := []graph.Option{graph.WithDtype(tensor.Float64), graph.WithSeed(c.Seed)}
	switch name {
	case "simpleconvnet":
		return graph.New(models.GradientCheckNet().Spec(), options...)
	case "alexnet":
		spec := models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec()
		spec.Init = graph.He() // the paper's small weights leave gradients of 1e-7, too small for differences to see
		return graph.New(spec, options...)
	}
	if models.Takes(name, "size") {
		return relative(name, options...)
	}
	return openModel(name, options...)
}

// relative is a thinned built-in for the smallest images at which every BatchNorm has a variance, even
// in a batch of one.
func relative(name string, options ...graph.Option) (*graph.Model, error) {
	for side := smallSide; ; side += smallSide - 1 {
		spec, err := models.Build(name, models.Options{Size: side, Classes: 10})
		if err != nil {
			return nil, err
		}
		m, err := graph.New(thinned(spec), options...)
		if err != nil || !slices.ContainsFunc(m.Nodes(), lacksVariance) {
			return m, err
		}
	}
}

// lacksVariance says whether a node normalises one value for each channel of an image.
func lacksVariance(n *graph.Node) bool {
	_, normalises := n.Layer.(graph.BatchNorm)
	return normalises && n.Shape.TotalSize() == n.Shape[0]
}

// thinned is a convolutional network with an eighth of its filters, whose layers and branches are the same.
func thinned(spec *graph.Spec) *graph.Spec {
	thin := *spec
	thin.Layers = nil
	for _, l := range spec.Layers {
		layer, from := graph.Reads(l)
		switch t := layer.(type) {
		case graph.Conv2D:
			if t.Filters%thinning == 0 { // a classifier's are its classes
				t.Filters /= thinning
			}
			if t.Groups > 1 {
				t.Groups /= thinning
			}
			layer = t
		case graph.PadChannels:
			t.Begin, t.End = t.Begin/thinning, t.End/thinning
			layer = t
		}
		if from != nil {
			layer = graph.From(layer, from...)
		}
		thin.Layers = append(thin.Layers, layer)
	}
	return &thin
}

// options are what suits the model's size: every element of a small one, less of each parameter where there
// are many.
func (c *gradCheck) options(m *graph.Model, parameters int) gradcheck.Options {
	o := gradcheck.Options{Directions: c.Directions, Seed: c.Seed}
	switch {
	case c.Directions >= 0:
	case parameters > manyParameters:
		o.Directions, o.Samples = 1, 1
	case m.Summary().Parameters <= fullParameters:
		o.Directions = 0
	default:
		o.Directions = defaultDirections
	}
	return o
}

// fill draws images uniformly from [0, 1), as the book does, and labels.
func (c *gradCheck) fill(step *graph.Step) {
	r := rand.New(rand.NewPCG(c.Seed, 0))
	images, targets := step.Images().Float64s(), step.Targets().Float64s()
	for i := range images {
		images[i] = r.Float64()
	}
	classes := len(targets) / c.Batch
	for i := range c.Batch {
		targets[i*classes+r.IntN(classes)] = 1
	}
}

// function is the loss of a step as gradcheck wants it. The step's number stays the same, and with it what dropout drops.
func function(m *graph.Model, step *graph.Step) gradcheck.Func {
	f := gradcheck.Func{Loss: func() (float64, error) { return step.Run(0) }}
	for _, p := range m.Params() {
		if p.Trained() {
			f.Inputs = append(f.Inputs, gradcheck.Input{Name: p.Name, Value: p.Value})
		}
	}
	f.Gradients = func() ([]*tensor.Dense, error) {
		if _, err := step.Run(0); err != nil {
			return nil, err
		}
		var grads []*tensor.Dense
		for _, g := range step.Gradients() {
			v, err := g.Grad()
			if err != nil {
				return nil, err
			}
			grads = append(grads, v.(*tensor.Dense))
		}
		return grads, nil
	}
	return f
}
