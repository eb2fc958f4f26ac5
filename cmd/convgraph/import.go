package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/formats/pickle"
	"convgraph/formats/safetensors"
	"convgraph/formats/torch"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/internal/file"
	"convgraph/models"
	"convgraph/onnx"
)

// importFile is convgraph import.
type importFile struct {
	File       string `arg:"" help:"Another program's file: .onnx, the book's .pkl, NumPy's .npz, PyTorch's .pt or .pth, .safetensors."`
	Out        string `short:"o" required:"" help:"The params.safetensors to write." placeholder:"PARAMS"`
	Model      string `default:"simpleconvnet" help:"The network the parameters are of: a built-in's name or the path of a JSON spec. An .onnx file says it itself."`
	Input      string `help:"The shape of an image, for an .onnx file that leaves sizes open: 3x48x192." placeholder:"CxHxW"`
	Output     string `help:"The value that the network ends with, for an .onnx file of several outputs." placeholder:"NAME"`
	First      bool   `name:"channels-first" help:"Make a network of images (C, H, W) of an .onnx file whose input is (N, H, W, C), as TensorFlow's are: pictures can be given to it."`
	Float64    bool   `name:"float64" help:"Keep the numbers of an .onnx file in float64."`
	ClassNames string `name:"class-names" help:"File with the names of the classes, one a line in their order." placeholder:"FILE"`
	Names      string `help:"JSON object of the model's names by the file's, {\"features.0.weight\": \"conv1.weight\", …}, or of prefixes, {\"ema.\": \"\"}; the file's other arrays are left out. Without it the names are the model's under any prefix, the book's, or modules in the order of the model's layers." placeholder:"FILE"`
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
	runtime.GC() // the file's bytes aren't needed any more: that halves the memory while the parameters are written
	if err := m.Save(c.Out); err != nil {
		return err
	}
	if err := m.CheckFinite(); err != nil {
		fmt.Fprintf(os.Stderr, "convgraph: %s: %v: nothing can be predicted with it\n", c.File, err)
	}
	_, err = fmt.Fprintf(stdout, "%s: %d parameters of %v as %q in %s\n", c.File, len(m.Params()), m.Dtype(), m.Spec().Name, c.Out)
	return err
}

func (c *importFile) read() (*graph.Model, error) {
	ending := strings.ToLower(filepath.Ext(c.File))
	if ending == ".onnx" && (c.Names != "" || c.ClassNames != "") {
		return nil, cli.Usagef("-names and -class-names are for the other files: an .onnx file holds the network, not only its parameters")
	}
	if ending == ".onnx" {
		input, err := parseShape(c.Input)
		if err != nil {
			return nil, cli.Usagef("-input: %v", err)
		}
		return onnx.Reader{Input: input, Output: c.Output, ChannelsFirst: c.First}.ReadFile(c.File, c.dtype())
	}
	if c.Input != "" || c.Output != "" || c.Float64 || c.First {
		return nil, cli.Usagef("-input, -output, -channels-first and -float64 are for .onnx files")
	}
	read := readers[ending]
	if read == nil {
		return nil, cli.Usagef("%s: want a .onnx, .pkl, .npz, .pt, .pth or .safetensors file", c.File)
	}
	spec, err := models.Find(c.Model)
	if err != nil {
		return nil, err
	}
	if err := nameClasses(spec, c.ClassNames); err != nil {
		return nil, err
	}
	names, err := readNames(c.Names)
	if err != nil {
		return nil, err
	}
	arrays, err := read(c.File)
	if err != nil {
		return nil, err
	}
	m, err := named(spec, arrays, names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return m, nil
}

func (c *importFile) dtype() graph.Option {
	if c.Float64 {
		return graph.WithDtype(tensor.Float64)
	}
	return nil
}

// parseShape reads sizes such as 3x48x192; nil if there are none.
func parseShape(text string) (tensor.Shape, error) {
	if text == "" {
		return nil, nil
	}
	var shape tensor.Shape
	for _, size := range strings.Split(text, "x") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("got %q, want sizes such as 3x48x192", text)
		}
		shape = append(shape, n)
	}
	return shape, nil
}

// nameClasses gives the network's classes the names in a file, one a line, if a path is given.
func nameClasses(spec *graph.Spec, path string) error {
	if path == "" {
		return nil
	}
	data, err := file.ReadText(path)
	if err != nil {
		return fmt.Errorf("-class-names: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		spec.ClassNames = append(spec.ClassNames, strings.TrimSpace(line))
	}
	if _, err := graph.Summarize(spec); err != nil {
		return fmt.Errorf("-class-names: %s: %w", path, err)
	}
	return nil
}

// readNames is the map of the model's names by the file's; nil if the path is empty.
func readNames(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := file.ReadText(path)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fmt.Errorf(`%s: want {"name in the file": "name in the model", …}: %w`, path, err)
	}
	return names, nil
}

// named is the spec's model with the arrays for its parameters; names may be nil. It is float64 if any
// array that is taken is.
func named(spec *graph.Spec, arrays []formats.Array, names map[string]string) (*graph.Model, error) {
	m, err := graph.New(spec)
	if err != nil {
		return nil, err
	}
	var renamed []formats.Array
	if names == nil {
		renamed, err = models.Rename(m, arrays)
	} else {
		renamed, err = models.RenameBy(m, arrays, names)
	}
	if err != nil {
		return nil, err
	}
	isFloat64 := func(a formats.Array) bool { return a.Value.Dtype() == tensor.Float64 }
	if slices.ContainsFunc(renamed, isFloat64) {
		if m, err = graph.New(spec, graph.WithDtype(tensor.Float64)); err != nil {
			return nil, err
		}
	}
	return m, m.SetParams(renamed)
}
