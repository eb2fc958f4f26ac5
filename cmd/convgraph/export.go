package main

import (
	"path/filepath"
	"strings"

	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
)

// exportFile is convgraph export.
type exportFile struct {
	Params string `arg:"" help:"The params.safetensors of a model."`
	Out    string `short:"o" required:"" help:"File to write: .npz with the book's names and layout (W1, b1, …)." placeholder:"FILE"`
}

// Run writes the parameters in the other form.
func (c *exportFile) Run() error {
	if strings.ToLower(filepath.Ext(c.Out)) != ".npz" {
		return cli.Usagef("-o is %q: want a name that ends in .npz", c.Out)
	}
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	arrays, err := models.ToBook(m)
	if err != nil {
		return err
	}
	return npz.Write(c.Out, arrays)
}
