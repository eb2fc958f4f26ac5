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
	Out        string `short:"o" required:"" help:"File to write, a params.safetensors." placeholder:"PARAMS"`
	Model      string `default:"simpleconvnet" help:"The parameters' network: a built-in model or a JSON spec. An .onnx file declares it."`
	Input      string `help:"Shape of an image, for an .onnx file with open sizes: 3x48x192." placeholder:"CxHxW"`
	Output     string `help:"The output to use, for an .onnx file with several." placeholder:"NAME"`
	First      bool   `name:"channels-first" help:"Convert an .onnx file with input (N, H, W, C), as TensorFlow's, to a network of images (C, H, W), so that it takes pictures."`
	Float64    bool   `name:"float64" help:"Keep an .onnx file's float64 numbers."`
	ClassNames string `name:"class-names" help:"File with the class names, one on each line." placeholder:"FILE"`
	Names      string `help:"JSON object that maps the file's names to the model's, {\"features.0.weight\": \"conv1.weight\", …}, or prefixes, {\"ema.\": \"\"}; other arrays are ignored (default: the model's names with any prefix, the book's names, or modules in the order of the model's layers)." placeholder:"FILE"`
}

var readers = map[string]func(string) ([]formats.Array, error){
	".pkl": pickle.ReadFile, ".npz": npz.ReadFile, ".pt": torch.ReadFile, ".pth": torch.ReadFile,
	".safetensors": func(path string) ([]formats.Array, error) {
		arrays, _, err := safetensors.ReadFile(path)
		return arrays, err
	},
}

// Run reads the file and saves the model. float64 arrays stay float64.
func (c *importFile) Run(stdout io.Writer) error {
	m, err := c.read()
	if err != nil {
		return err
	}
	runtime.GC() // frees the file's bytes, which halves the memory while the parameters are written
	if err := m.Save(c.Out); err != nil {
		return err
	}
	if err := m.CheckFinite(); err != nil {
		fmt.Fprintf(os.Stderr, "convgraph: %s: %v: nothing can be predicted with it\n", c.File, err)
	}
	_, err = fmt.Fprintf(stdout, "%s: %d parameters of %v as %q in %s\n", c.File, len(m.Params()), m.Dtype(),
		m.Spec().Name, c.Out)
	return err
}

func (c *importFile) read() (*graph.Model, error) {
	ending := strings.ToLower(filepath.Ext(c.File))
	if ending == ".onnx" && (c.Names != "" || c.ClassNames != "") {
		return nil, cli.Usagef("-names and -class-names are for the other files: " +
			"an .onnx file holds the network, not only its parameters")
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

// parseShape parses sizes such as 3x48x192; it returns nil for an empty text.
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

// nameClasses reads class names from a file, one on each line, unless the path is empty.
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

// readNames reads a map from a file's names to the model's; it returns nil for an empty path.
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

// named returns the spec's model with the arrays as parameters; names may be nil. The model is
// float64 if any of these arrays is.
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
