package main

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/pretrained"
)

// arraysCommand is what run and gradients share: a model, arrays in, arrays out.
type arraysCommand struct {
	Params  string `arg:"" help:"The params.safetensors of a model, or squeezenet, which comes with the program."`
	In      string `arg:"" help:"NumPy .npz file of the arrays." placeholder:"IN.npz"`
	Out     string `short:"o" required:"" help:"NumPy .npz file to write." placeholder:"OUT.npz"`
	Float64 bool   `name:"float64" help:"Compute in float64; without it in float32."`
}

// open reads the model, and the arrays of the given names that are there.
func (c *arraysCommand) open(names ...string) (*graph.Model, []formats.Array, error) {
	dt := tensor.Float32
	if c.Float64 {
		dt = tensor.Float64
	}
	m, err := pretrained.Load(c.Params, graph.WithDtype(dt))
	if err != nil {
		return nil, nil, err
	}
	arrays, err := npz.ReadNamed(c.In, names...)
	return m, arrays, err
}

// array is the named array as the model's element type.
func (c *arraysCommand) array(m *graph.Model, arrays []formats.Array, name, what string) (*tensor.Dense, error) {
	a, ok := formats.Find(arrays, name)
	if !ok {
		return nil, fmt.Errorf("%s: there is no array %q: want %s", c.In, name, what)
	}
	if a.Err != nil {
		return nil, fmt.Errorf("%s: array %q: %w", c.In, name, a.Err)
	}
	return formats.Convert(a.Value, m.Dtype()), nil
}

// images are the array x as a batch. One image may come without the batch's axis. Where the images are
// rows of features, their numbers may have any shape: a file of another program, whose input has more
// axes than an image, gives such a network.
func (c *arraysCommand) images(m *graph.Model, arrays []formats.Array) (*tensor.Dense, error) {
	input := m.Spec().Input
	x, err := c.array(m, arrays, "x", fmt.Sprintf("images (N, then %v)", input))
	if err != nil {
		return nil, err
	}
	shape := x.Shape()
	switch {
	case shape.Eq(input), len(input) == 1 && shape.TotalSize() == input[0]:
		err = x.Reshape(append(tensor.Shape{1}, input...)...)
	case len(input) == 1 && len(shape) > 1 && shape.TotalSize() == shape[0]*input[0]:
		err = x.Reshape(shape[0], input[0])
	}
	return x, err
}

// write writes the file. Numbers that aren't finite are an error all the same: whoever looks for their
// origin wants the file, and whoever goes on with the numbers must not.
func (c *arraysCommand) write(arrays []formats.Array) error {
	if err := npz.Write(c.Out, arrays); err != nil {
		return err
	}
	for _, a := range arrays {
		for i, v := range formats.Convert(a.Value, tensor.Float64).Float64s() {
			if !xmath.IsFinite(v) {
				return fmt.Errorf("%s: array %q is %v at %v: want finite numbers", c.Out, a.Name, v, indices(a.Value.Shape(), i))
			}
		}
	}
	return nil
}

// indices is where the i-th number of an array is.
func indices(shape tensor.Shape, i int) []int {
	at := make([]int, len(shape))
	for d, n := range slices.Backward(shape) {
		at[d], i = i%n, i/n
	}
	return at
}

// runArrays is convgraph run.
type runArrays struct {
	arraysCommand
	All bool `help:"Every layer's output, too, by the layer's name."`
}

// Run predicts the images x and writes logits and probabilities.
func (c *runArrays) Run() error {
	m, arrays, err := c.open("x")
	if err != nil {
		return err
	}
	x, err := c.images(m, arrays)
	if err != nil {
		return err
	}
	logits, err := m.Predict(x)
	if err != nil {
		return err
	}
	out := []formats.Array{{Name: "logits", Value: logits}}
	if m.HasProbabilities() {
		probabilities, err := m.Probabilities(x)
		if err != nil {
			return err
		}
		out = append(out, formats.Array{Name: "probabilities", Value: probabilities})
	}
	if c.All {
		activations, err := m.Activations(x)
		if err != nil {
			return err
		}
		for _, a := range activations {
			out = append(out, formats.Array{Name: a.Node.Name, Value: a.Value})
		}
	}
	return c.write(out)
}

// runGradients is convgraph gradients.
type runGradients struct{ arraysCommand }

// Run computes the loss of the images x with the targets t, and its gradients. Dropout is off.
func (c *runGradients) Run() error {
	m, arrays, err := c.open("x", "t")
	if err != nil {
		return err
	}
	x, err := c.images(m, arrays)
	if err != nil {
		return err
	}
	t, err := c.array(m, arrays, "t", "labels (N), or distributions (N, classes)")
	if err != nil {
		return err
	}
	g, err := m.Gradients(x, t)
	if err != nil {
		return err
	}
	loss := tensor.New(tensor.FromScalar(g.Loss))
	out := []formats.Array{{Name: "loss", Value: loss}, {Name: "x", Value: g.Images}}
	for _, p := range g.Params {
		out = append(out, formats.Array{Name: p.Name, Value: p.Value})
	}
	return c.write(out)
}
