package main

import (
	"path/filepath"
	"strings"

	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/onnx"
)

// exportFile is convgraph export.
type exportFile struct {
	Params string `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Out    string `short:"o" required:"" help:"File to write: .onnx, or .npz with the book's names and layout (W1, b1, …)." placeholder:"FILE"`
}

// writers are the formats by the file's extension.
var writers = map[string]func(path string, m *graph.Model) error{
	".onnx": onnx.Write,
	".npz": func(path string, m *graph.Model) error {
		arrays, err := models.ToBook(m)
		if err != nil {
			return err
		}
		return npz.Write(path, arrays)
	},
}

// Run writes the file.
func (c *exportFile) Run() error {
	write := writers[strings.ToLower(filepath.Ext(c.Out))]
	if write == nil {
		return cli.Usagef("-o: got %q, want a name that ends in .onnx or .npz", c.Out)
	}
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	return write(c.Out, m)
}
