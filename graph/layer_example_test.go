package graph_test

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/ops"
)

// Snake is x + sin²(Alpha·x)/Alpha (Ziyin, Hartwig and Ueda 2020).
type Snake struct {
	Name  string
	Alpha float64
}

// Function returns the activation: its value and its slope, element by element.
func (s Snake) Function() ops.Function {
	return ops.Function{
		Name: "Snake", Formula: "x + sin²(alpha·x)/alpha", Constants: []ops.Constant{{Name: "alpha", Value: s.Alpha}},
		Value: func(x float64) float64 { return x + math.Pow(math.Sin(s.Alpha*x), 2)/s.Alpha },
		Slope: func(x float64) float64 { return 1 + math.Sin(2*s.Alpha*x) },
	}
}

// Label returns the layer's own name.
func (s Snake) Label() string { return s.Name }

// Output returns the input's shape.
func (s Snake) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], s.Function().Check() }

// Parameters returns none.
func (Snake) Parameters(...tensor.Shape) []graph.Parameter { return nil }

// MultiplyAdds returns none: function calls aren't counted.
func (Snake) MultiplyAdds(...tensor.Shape) int64 { return 0 }

// Lower adds the function's op.
func (s Snake) Lower(l *graph.Lowering) (*G.Node, error) { return s.Function().Apply(l.X()) }

// A layer of your own is a type with five methods. This one is an activation, whose gradient is
// checked against central differences.
func Example_layer() {
	spec := graph.Sequential("periodic", tensor.Shape{1, 6, 6}, graph.Xavier(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, Snake{Alpha: 0.5}, graph.Affine{Units: 3}, graph.Softmax{})
	m, err := graph.New(spec, graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range m.Nodes() {
		fmt.Println(n.Name, graph.Code(n.Layer), n.Shape)
	}
	images := tensor.New(tensor.WithShape(2, 1, 6, 6), tensor.WithBacking(tensor.Random(tensor.Float64, 72)))
	labels := tensor.New(tensor.WithShape(2), tensor.WithBacking([]float64{0, 2}))
	gradient, err := m.Gradient(images, labels)
	if err != nil {
		fmt.Println(err)
		return
	}
	numerical, err := m.NumericalGradient(images, labels, 1e-4)
	if err != nil {
		fmt.Println(err)
		return
	}
	difference := 0.0
	for i, g := range gradient {
		for j, v := range g.Value.Float64s() {
			difference = max(difference, math.Abs(v-numerical[i].Value.Float64s()[j]))
		}
	}
	fmt.Println("gradients agree:", difference < 1e-7)
	// Output:
	// conv1 Conv2D{Filters: 2, Kernel: Square(3)} (2, 4, 4)
	// layer1 Snake{Alpha: 0.5} (2, 4, 4)
	// fc1 Affine{Units: 3} (3)
	// softmax1 Softmax{} (3)
	// gradients agree: true
}
