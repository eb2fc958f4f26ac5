package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
	"convgraph/viz"
)

// features is convgraph features.
type features struct {
	Params string `arg:"" help:"The params.safetensors of a model."`
	Image  string `arg:"" help:"Picture to show the model."`
	Out    string `short:"o" required:"" help:"Folder for the pictures; it is made if it isn't there." placeholder:"DIR"`
	Scale  string `enum:"each,shared" default:"shared" help:"shared: one scale a layer; each: every map from its own least value (black) to its own greatest (white)."`
	JSON   bool   `name:"json" help:"The prediction, and how many pages there are, as JSON."`
	pictureFlags
}

// pages is what features -json prints.
type pages struct {
	*classify.Prediction     // nil if the model has no probabilities
	Pages                int `json:"pages"`
}

// Help is the longer help.
func (features) Help() string {
	return `What every layer makes of IMAGE: a page a layer (01-conv1.png, 02-relu1.png, …), and overview.png from the input to the class scores.

` + picturesHelp
}

// Run draws the pages and the overview.
func (c *features) Run(stdout io.Writer) error {
	m, err := graph.Load(c.Params)
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
	stages := stages(activations)
	for i, stage := range stages {
		if err := viz.WritePNG(c.page(i, stage), c.maps(m, stage)); err != nil {
			return err
		}
	}
	switch {
	case !m.HasProbabilities() && c.JSON:
		return writeJSON(stdout, pages{Pages: len(stages)})
	case !m.HasProbabilities():
		_, err = fmt.Fprintf(stdout, "%d pages in %s; no overview, because the model has no probabilities\n", len(stages), c.Out)
		return err
	}
	return c.overview(stdout, m, s, stages)
}

// stages are the layers with their names, kinds and outputs.
func stages(activations []graph.Activation) []viz.Stage {
	all := make([]viz.Stage, len(activations))
	for i, a := range activations {
		all[i] = viz.Stage{Name: a.Node.Name, Detail: graph.Code(a.Node.Layer), Maps: planes(a.Value.Float32s(), a.Node.Shape)}
	}
	return all
}

func (c *features) page(i int, stage viz.Stage) string {
	return filepath.Join(c.Out, fmt.Sprintf("%02d-%s.png", i+1, fileName(stage.Name)))
}

// fileName is a layer's name, which may be anything, as part of a file's name.
func fileName(name string) string {
	safe := []rune(name)
	for i, r := range safe {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			safe[i] = '_'
		}
	}
	return string(safe)
}

func (c *features) maps(m *graph.Model, stage viz.Stage) viz.FeatureMaps {
	f := viz.FeatureMaps{Title: fmt.Sprintf("%s, %s (%s): %s", m.Spec().Name, stage.Name, stage.Detail, filepath.Base(c.Image)), Maps: stage.Maps}
	if c.Scale == "shared" {
		f.Scale = viz.ScaleShared
	}
	return f
}

// overview shows the layers that change their input; dropout does nothing in prediction, flatten changes the shape only.
func (c *features) overview(stdout io.Writer, m *graph.Model, s *picture.Sample, stages []viz.Stage) error {
	input, err := pictureOf(s.Pixels, m.Spec().Input)
	if err != nil {
		return err
	}
	o := viz.Overview{Title: fmt.Sprintf("%s reads %s", m.Spec().Name, filepath.Base(c.Image)), Input: input, Labels: m.Spec().ClassNames}
	for i, n := range m.Nodes() {
		switch n.Layer.(type) {
		case graph.Dropout, graph.Flatten, graph.Softmax:
		default:
			o.Stages = append(o.Stages, stages[i])
		}
	}
	o.Probabilities = stages[len(stages)-1].Maps.Data
	if err := viz.WritePNG(filepath.Join(c.Out, "overview.png"), o); err != nil {
		return err
	}
	prediction := classify.NewPrediction(m.Spec(), c.Image, s.Ink, o.Probabilities)
	if c.JSON {
		return writeJSON(stdout, pages{prediction, len(stages)})
	}
	_, err = fmt.Fprintf(stdout, "%v; %d pages and overview.png in %s\n", prediction.Guess, len(stages), c.Out)
	return err
}
