package main

import (
	"encoding/json"
	"fmt"
	"io"

	"convgraph/graph"
	"convgraph/models"
)

// summary is convgraph summary.
type summary struct {
	Model    string `arg:"" help:"A built-in's name, the path of a JSON spec, or a params.safetensors."`
	JSON     bool   `name:"json" help:"The summary as JSON."`
	JSONSpec bool   `name:"json-spec" help:"The model's spec as JSON, to be edited and trained."`
}

// Run prints the summary.
func (c *summary) Run(stdout io.Writer) error {
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	switch {
	case c.JSONSpec:
		return writeJSON(stdout, m.Spec())
	case c.JSON:
		return writeJSON(stdout, m.Summary())
	}
	_, err = fmt.Fprint(stdout, m.Summary())
	return err
}

// openModel is the model of a built-in's name, a spec's path or a parameter file.
func openModel(name string, options ...graph.Option) (*graph.Model, error) {
	if isParameterFile(name) {
		return graph.Load(name, options...)
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
