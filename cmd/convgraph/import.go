package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/formats/onnx"
	"convgraph/formats/pickle"
	"convgraph/formats/safetensors"
	"convgraph/formats/torch"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
)

// importFile is convgraph import.
type importFile struct {
	File  string `arg:"" help:"Another program's file: .onnx, the book's .pkl, NumPy's .npz, PyTorch's .pt or .pth, .safetensors."`
	Out   string `short:"o" required:"" help:"The params.safetensors to write." placeholder:"PARAMS"`
	Model string `default:"simpleconvnet" help:"The network the parameters are of: a built-in's name or the path of a JSON spec. An .onnx file says it itself."`
}

var readers = map[string]func(string) ([]formats.Array, error){
	".pkl": pickle.ReadFile, ".npz": npz.ReadFile, ".pt": torch.ReadFile, ".pth": torch.ReadFile,
	".safetensors": func(path string) ([]formats.Array, error) {
		arrays, _, err := safetensors.ReadFile(path)
		return arrays, err
	},
}

// Run reads the file and saves the model. Numbers of float64 stay float64.
func (c *importFile) Run(stdout io.Writer) error {
	m, err := c.read()
	if err != nil {
		return err
	}
	if err := m.Save(c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d parameters of %v as %q in %s\n", c.File, len(m.Params()), m.Dtype(), m.Spec().Name, c.Out)
	return err
}

func (c *importFile) read() (*graph.Model, error) {
	ending := strings.ToLower(filepath.Ext(c.File))
	if ending == ".onnx" {
		return onnx.ReadFile(c.File)
	}
	read := readers[ending]
	if read == nil {
		return nil, cli.Usagef("%s: want a .onnx, .pkl, .npz, .pt, .pth or .safetensors file", c.File)
	}
	spec, err := models.Find(c.Model)
	if err != nil {
		return nil, err
	}
	arrays, err := read(c.File)
	if err != nil {
		return nil, err
	}
	m, err := named(spec, arrays)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return m, nil
}

// named is the spec's model with the arrays for its parameters.
func named(spec *graph.Spec, arrays []formats.Array) (*graph.Model, error) {
	m, err := graph.New(spec, graph.WithDtype(dtypeOf(arrays)))
	if err != nil {
		return nil, err
	}
	renamed, err := models.Rename(m, arrays)
	if err != nil {
		return nil, err
	}
	return m, m.SetParams(renamed)
}

// dtypeOf is float64 if any array is.
func dtypeOf(arrays []formats.Array) tensor.Dtype {
	for _, a := range arrays {
		if a.Value.Dtype() == tensor.Float64 {
			return tensor.Float64
		}
	}
	return tensor.Float32
}
