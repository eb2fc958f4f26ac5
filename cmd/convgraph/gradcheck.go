package main

import (
	"cmp"
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
	Model      string `arg:"" help:"Name of a built-in model, JSON spec, params.safetensors, or all for every built-in: ${models}."`
	Batch      int    `default:"0" help:"Images in the batch; 0 is 1, or 2 with BatchNorm (fewer values make the loss too curved)."`
	Seed       uint64 `default:"0" help:"Seed of the parameters, images and directions."`
	Directions int    `default:"-1" help:"Random directions per parameter; 0 checks every element, -1 chooses by the model's size."`
	Second     bool   `help:"Check second derivatives: Hessian-vector products against differences of gradients."`
	JSON       bool   `name:"json" help:"Print the reports as JSON."`
}

// fullParameters is the size up to which every element is checked.
const (
	fullParameters    = 5_000
	defaultDirections = 8
	manyParameters    = 30 // weights and biases of all layers
	smallSide         = 33 // side of the images of built-ins that take any size, where it is enough
	thinning          = 8  // factor by which their filters are reduced
)

// Run checks the models and prints the reports. It returns an error if a gradient is wrong.
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
	batch := c.batch(m)
	if c.Second {
		return c.checkSecond(m, batch)
	}
	step, err := m.NewStep(batch)
	if err != nil {
		return nil, err
	}
	defer step.Close()
	c.fill(step.Images(), step.Targets(), batch)
	f := function(m, step)
	return f.Check(c.options(m, len(f.Inputs)))
}

// batch returns the number of images.
func (c *gradCheck) batch(m *graph.Model) int {
	if c.Batch == 0 && slices.ContainsFunc(m.Nodes(), normalizes) {
		return 2
	}
	return cmp.Or(c.Batch, 1)
}

func normalizes(n *graph.Node) bool {
	_, ok := n.Layer.(graph.BatchNorm)
	return ok
}

// checkSecond compares the Hessian of the loss without dropout with the gradients of that loss.
func (c *gradCheck) checkSecond(m *graph.Model, batch int) (*gradcheck.Report, error) {
	step, err := m.NewStep(batch, graph.WithoutDropout())
	if err != nil {
		return nil, err
	}
	defer step.Close()
	h, err := m.NewHessian(batch)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	c.fill(step.Images(), step.Targets(), batch)
	c.fill(h.Images(), h.Targets(), batch)
	first := function(m, step)
	f := gradcheck.SecondFunc{Inputs: first.Inputs, Gradients: first.Gradients}
	f.Product = func(v []*tensor.Dense) ([]*tensor.Dense, error) {
		for i, part := range h.Vector() {
			copy(part.Float64s(), v[i].Float64s())
		}
		return h.Product()
	}
	return f.Check(c.options(m, len(f.Inputs)))
}

// model returns the named model in float64. Large built-ins are replaced by small relatives.
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
		m, err := relative(name, options...)
		if err == nil {
			c.scatter(m)
		}
		return m, err
	}
	m, err := openModel(name, options...)
	if err == nil && models.IsFile(name) && !isParameterFile(name) {
		c.scatter(m)
	}
	return m, err
}

// scatter adds a little noise to parameters that start as a constant. With biases of 0, a rectifier
// whose inputs are all 0 would be exactly at its kink.
func (c *gradCheck) scatter(m *graph.Model) {
	r := rand.New(rand.NewPCG(c.Seed, 1))
	for _, p := range m.Params() {
		if !p.Trained() || p.FanIn != 0 {
			continue
		}
		values := p.Value.Float64s()
		for i := range values {
			values[i] += 0.2*r.Float64() - 0.1
		}
	}
}

// relative returns a thinned built-in for the smallest images at which every BatchNorm has a
// variance, even in a batch of one.
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

// lacksVariance reports whether a node normalizes only one value for each channel of an image.
func lacksVariance(n *graph.Node) bool {
	return normalizes(n) && n.Shape.TotalSize() == n.Shape[0]
}

// thinned returns a network with the same layers and branches, but an eighth of the filters.
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

// options suit the model's size: every element of a small model, fewer comparisons for each
// parameter if there are many.
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
func (c *gradCheck) fill(x, t *tensor.Dense, batch int) {
	r := rand.New(rand.NewPCG(c.Seed, 0))
	images, targets := x.Float64s(), t.Float64s()
	for i := range images {
		images[i] = r.Float64()
	}
	classes := len(targets) / batch
	for i := range batch {
		targets[i*classes+r.IntN(classes)] = 1
	}
}

// function is the loss of a step. The step's number is constant, so dropout drops the same values.
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
