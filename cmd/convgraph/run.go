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

// arraysCommand holds the arguments that run and gradients share.
type arraysCommand struct {
	Params  string `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	In      string `arg:"" help:"NumPy .npz file: images x, and for gradients targets t." placeholder:"IN.npz"`
	Out     string `short:"o" required:"" help:"NumPy .npz file to write." placeholder:"OUT.npz"`
	Float64 bool   `name:"float64" help:"Compute in float64, not float32."`
}

// open reads the model, and those of the named arrays that the file has.
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

// array returns the named array, converted to the model's element type.
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

// images returns the array x as a batch. A single image may lack the batch axis. For a network of
// feature vectors each sample may have any shape of the right size: an imported network whose input
// has more axes than an image takes vectors.
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

// write writes the file, and then returns an error for numbers that aren't finite: the file helps
// to find their origin, and the exit code stops a script that would use them.
func (c *arraysCommand) write(arrays []formats.Array) error {
	if err := npz.Write(c.Out, arrays); err != nil {
		return err
	}
	for _, a := range arrays {
		for i, v := range formats.Convert(a.Value, tensor.Float64).Float64s() {
			if !xmath.IsFinite(v) {
				return fmt.Errorf("%s: array %q: got %v at %v, want finite numbers", c.Out, a.Name, v,
					indices(a.Value.Shape(), i))
			}
		}
	}
	return nil
}

// indices returns the multi-dimensional index of an array's i-th number.
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
	All bool `help:"Also write every layer's output, by the layer's name."`
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

// Run computes the loss of the images x with the targets t, and its gradients, without dropout.
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
