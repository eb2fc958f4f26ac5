package main

import (
	"encoding/json"
	"fmt"
	"io"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/pretrained"
)

// summary is convgraph summary.
type summary struct {
	Model     string   `arg:"" help:"A built-in model, a JSON spec or a params.safetensors. Built in: ${models}."`
	Batch     int      `default:"100" help:"Images of the training step, for its memory."`
	Fusion    bool     `default:"true" negatable:"" help:"Fuse neighboring layers into one op, as training and prediction do."`
	Recompute []string `help:"Layers or blocks that the backward pass recomputes instead of keeping them in memory: layer*.*,conv1." placeholder:"PATTERN,…"`
	Measure   bool     `help:"Also run a training step of -batch images to measure the kernels' scratch memory."`
	JSON      bool     `name:"json" help:"Print the summary as JSON."`
	JSONSpec  bool     `name:"json-spec" help:"Print the model's spec as JSON, to edit and train it."`
}

// Run prints the summary.
func (c *summary) Run(stdout io.Writer) error {
	spec, err := openSpec(c.Model)
	if err != nil {
		return err
	}
	if c.Batch < 1 {
		return cli.Usagef("-batch: got %d, want at least 1", c.Batch)
	}
	s, err := c.summarize(spec)
	if err != nil {
		return err
	}
	switch {
	case c.JSONSpec:
		return writeJSON(stdout, spec)
	case c.JSON:
		return writeJSON(stdout, s)
	}
	_, err = fmt.Fprint(stdout, s)
	return err
}

func (c *summary) summarize(spec *graph.Spec) (*graph.Summary, error) {
	var options []graph.Option
	if !c.Fusion {
		options = append(options, graph.WithoutFusion())
	}
	options = append(options, graph.WithRecompute(c.Recompute...))
	s, err := graph.Summarize(spec, options...)
	if err != nil {
		return nil, err
	}
	if s.Memory, err = graph.PlanMemory(spec, c.Batch, options...); err != nil || !c.Measure {
		return s, err
	}
	if len(s.Memory) < 2 {
		return nil, cli.Usagef("-measure: %s has nothing to train", c.Model)
	}
	s.Memory[0].ScratchBytes, err = graph.MeasureScratch(spec, c.Batch, options...)
	return s, err
}

// openSpec returns the spec of a built-in model, a JSON file or a parameter file.
func openSpec(name string) (*graph.Spec, error) {
	if name != pretrained.SqueezeNetName && !isParameterFile(name) {
		return models.Find(name)
	}
	m, err := pretrained.Load(name)
	if err != nil {
		return nil, err
	}
	return m.Spec(), nil
}

// openModel returns the model of a built-in name, a JSON file or a parameter file.
func openModel(name string, options ...graph.Option) (*graph.Model, error) {
	if name == pretrained.SqueezeNetName || isParameterFile(name) {
		return pretrained.Load(name, options...)
	}
	spec, err := models.Find(name)
	if err != nil {
		return nil, err
	}
	return graph.New(spec, options...)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
