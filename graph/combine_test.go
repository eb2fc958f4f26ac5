package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// printLayers prints a spec's layers as in its JSON, one on a line.
func printLayers(spec *graph.Spec) {
	text, err := json.Marshal(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	var list struct{ Layers []json.RawMessage }
	if err := json.Unmarshal(text, &list); err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range list.Layers {
		fmt.Printf("%s\n", l)
	}
	if _, err := graph.Summarize(spec); err != nil {
		fmt.Println(err)
	}
}

// A ResNet's basic block (He et al. 2015, figure 2), which halves the plane.
func ExampleResidual() {
	conv := func(kernel, stride, pad int) graph.Part {
		return graph.Conv2D{Filters: 128, Kernel: graph.Square(kernel), Stride: graph.Square(stride),
			Pad: graph.Square(pad), NoBias: true}
	}
	block := graph.Serial(
		graph.Residual(
			graph.Serial(conv(3, 2, 1), graph.BatchNorm{}, graph.ReLU{}, conv(3, 1, 1), graph.BatchNorm{}),
			conv(1, 2, 0), graph.BatchNorm{}),
		graph.ReLU{})
	printLayers(graph.Sequential("block", tensor.Shape{64, 56, 56}, graph.He(), block))
	// Output:
	// {"kind":"conv2d","filters":128,"kernel":3,"stride":2,"pad":1,"no_bias":true}
	// {"kind":"batch_norm"}
	// {"kind":"relu"}
	// {"kind":"conv2d","filters":128,"kernel":3,"stride":1,"pad":1,"no_bias":true}
	// {"kind":"batch_norm"}
	// {"kind":"conv2d","from":"input","filters":128,"kernel":1,"stride":2,"no_bias":true}
	// {"kind":"batch_norm"}
	// {"kind":"add","from":["bn2","bn3"]}
	// {"kind":"relu"}
}

// An inception module (Szegedy et al. 2014, figure 2b).
func ExampleBranches() {
	conv := func(filters, kernel int) graph.Part {
		return graph.Serial(graph.Conv2D{Filters: filters, Kernel: graph.Square(kernel), Pad: graph.Square(kernel / 2)},
			graph.ReLU{})
	}
	module := graph.Branches(graph.Concat{},
		conv(64, 1),
		graph.Serial(conv(96, 1), conv(128, 3)),
		graph.Serial(conv(16, 1), conv(32, 5)),
		graph.Serial(graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(1), Pad: graph.Square(1)},
			conv(32, 1)))
	printLayers(graph.Sequential("inception", tensor.Shape{192, 28, 28}, graph.He(), module))
	// Output:
	// {"kind":"conv2d","filters":64,"kernel":1}
	// {"kind":"relu"}
	// {"kind":"conv2d","from":"input","filters":96,"kernel":1}
	// {"kind":"relu"}
	// {"kind":"conv2d","filters":128,"kernel":3,"pad":1}
	// {"kind":"relu"}
	// {"kind":"conv2d","from":"input","filters":16,"kernel":1}
	// {"kind":"relu"}
	// {"kind":"conv2d","filters":32,"kernel":5,"pad":2}
	// {"kind":"relu"}
	// {"kind":"max_pool","from":"input","kernel":3,"stride":1,"pad":1}
	// {"kind":"conv2d","filters":32,"kernel":1}
	// {"kind":"relu"}
	// {"kind":"concat","from":["relu1","relu3","relu5","relu6"]}
}

// A squeeze-and-excitation (Hu et al. 2018, figure 3): the gate computes a factor for each channel
// from all of them.
func ExampleGate() {
	squeeze := graph.Gate(
		graph.GlobalAvgPool{},
		graph.Affine{Units: 4}, graph.ReLU{},
		graph.Affine{Units: 64}, graph.Sigmoid{})
	printLayers(graph.Sequential("se", tensor.Shape{64, 14, 14}, graph.He(), graph.ReLU{}, squeeze))
	// Output:
	// {"kind":"relu"}
	// {"kind":"global_avg_pool"}
	// {"kind":"affine","units":4}
	// {"kind":"relu"}
	// {"kind":"affine","units":64}
	// {"kind":"sigmoid"}
	// {"kind":"multiply","from":["relu1","sigmoid1"]}
}

// The names inside a Block have its name as a prefix, and are numbered from 1.
func ExampleBlock() {
	block := graph.Serial(graph.Affine{Units: 3}, graph.ReLU{})
	printLayers(graph.Sequential("blocks", tensor.Shape{3}, graph.He(),
		graph.Block("first", block), graph.Block("second", graph.Residual(block)), graph.ReLU{}))
	// Output:
	// {"kind":"affine","name":"first.fc1","units":3}
	// {"kind":"relu","name":"first.relu1"}
	// {"kind":"affine","name":"second.fc1","units":3}
	// {"kind":"relu","name":"second.relu1"}
	// {"kind":"add","from":["second.relu1","first.relu1"],"name":"second.add1"}
	// {"kind":"relu"}
}

// Numbered names its parts by their index, as PyTorch's nn.Sequential does.
func ExampleNumbered() {
	printLayers(graph.Sequential("numbered", tensor.Shape{3}, graph.He(),
		graph.Numbered("features", graph.Affine{Units: 3}, graph.ReLU{Name: "act"},
			graph.Numbered("", graph.ReLU{}, graph.Affine{Units: 3}),
			graph.Residual(graph.Block("", graph.Affine{Units: 3})))))
	// Output:
	// {"kind":"affine","name":"features.0","units":3}
	// {"kind":"relu","name":"features.act"}
	// {"kind":"relu","name":"features.2.0"}
	// {"kind":"affine","name":"features.2.1","units":3}
	// {"kind":"affine","name":"features.3.fc1","units":3}
	// {"kind":"add","from":["features.3.fc1","features.2.1"],"name":"features.3.add1"}
}

// From makes a layer read another layer than the one before it.
func ExampleFrom() {
	spec := graph.Sequential("gated", tensor.Shape{3}, graph.He(),
		graph.Affine{Name: "values", Units: 3}, graph.From(graph.Affine{Units: 3}, "input"), graph.Sigmoid{},
		graph.From(graph.Multiply{}, "values", "sigmoid1"))
	summary, err := graph.Summarize(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(summary)
	// Output:
	// gated: input 3
	//   layer      code              reads            output  parameters  multiply-adds  activation bytes
	//   values     Affine{Units: 3}                        3          12              9                12
	//   fc1        Affine{Units: 3}  input                 3          12              9                12
	//   sigmoid1   Sigmoid{}                               3           0              0                12
	//   multiply1  Multiply{}        values sigmoid1       3           0              3                12
	//   total                                                         24             21                48
}

// Code prints a layer as the Go code that makes it.
func ExampleCode() {
	fmt.Println(graph.Code(graph.Conv2D{Name: "conv1", Filters: 64, Kernel: graph.Square(7), Stride: graph.Pair{2, 1},
		NoBias: true}))
	fmt.Println(graph.Code(graph.Affine{Units: 10, Init: graph.Gaussian(0.01)}))
	fmt.Println(graph.Code(graph.From(graph.Add{}, "a", "b")))
	// Output:
	// Conv2D{Filters: 64, Kernel: Square(7), Stride: Pair{2, 1}, NoBias: true}
	// Affine{Units: 10, Init: Gaussian(0.01)}
	// Add{}
}

type pointed struct{ graph.ReLU }

type counted int

func (counted) Label() string                                   { return "" }
func (counted) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], nil }
func (counted) Parameters(...tensor.Shape) []graph.Parameter    { return nil }
func (counted) MultiplyAdds(...tensor.Shape) int64              { return 0 }
func (counted) Lower(l *graph.Lowering) (*G.Node, error)        { return l.X(), nil }

// TestRejectsInvalidParts checks New's errors for invalid arguments of combinators.
func TestRejectsInvalidParts(t *testing.T) {
	relu := graph.ReLU{}
	var nilAdd *graph.Add
	for _, c := range []struct {
		want string
		part graph.Part
	}{
		{"layer 2 is nil", nil},
		{"layer 2 is nil", graph.Serial(nil)},
		{"layer 3 is nil", graph.Branches(graph.Add{}, relu, nil)},
		{"layer 2 is nil", graph.Branches(nil, relu, relu)},
		{"layer 2 is nil", graph.Branches(nilAdd, relu, relu)},
		{"layer 2 is nil", graph.Block("b", nil)},
		{"layer 2 is nil", graph.Block("b", graph.Branches(nilAdd, relu, relu))},
		{"layer 2 is nil", graph.Numbered("n", nil)},
		{"layer 2 is nil", graph.Numbered("n", (*graph.ReLU)(nil))},
		{"layer 2 is nil", graph.From(nil, "input")},
		{"layer 2 is nil", graph.From((*graph.ReLU)(nil), "input")},
		{"layer 2 is a *graph.ReLU: want a graph.ReLU", &relu},
		{"layer 2 is a *graph.ReLU: want a graph.ReLU", graph.Block("b", &relu)},
		{"layer 2 is a *graph.ReLU: want a graph.ReLU", graph.Numbered("n", &relu)},
		{"layer 2 is a *graph.Add: want a graph.Add", graph.Branches(&graph.Add{}, relu, relu)},
		{"layer 2 is a *graph_test.pointed: want a struct with a field Name", graph.Block("b", &pointed{})},
		{"layer 2 is a graph_test.counted: want a struct with a field Name", graph.Block("b", counted(1))},
		{"layer 2 is a graph_test.label: want a layer, or what a combinator such as Serial makes", label("x")},
		{"layer 2 is a graph_test.label: want a layer, or what a combinator such as Serial makes",
			graph.Numbered("n", label("x"))},
		{`layer 2 "add1" (Add{}): reads 1 value (relu1): want at least 2`, graph.Branches(graph.Add{}, graph.Serial())},
		{`layer 2 "add1" (Add{}): reads 0 values (): want at least 2`, graph.Branches(graph.Add{})},
		{`layer 2 "multiply1" (Multiply{}): reads 3 values (relu1, relu1, relu1): want 2`,
			graph.Branches(graph.Multiply{}, graph.Serial(), graph.Serial(), graph.Serial())},
		{`layer 2 "concat1" (Concat{}): reads 1 value (relu1): want at least 2`, graph.Concat{}},
		{`layer 2 "relu2" (ReLU{}): reads 2 values (relu1, input): want 1`, graph.From(relu, "relu1", "input")},
		{`layer 2 "relu2" (ReLU{}): reads 0 values (): want 1`, graph.From(relu, []string{}...)},
	} {
		_, err := graph.New(graph.Sequential("m", tensor.Shape{2, 4, 4}, graph.He(), relu, c.part))
		assert.EqualError(t, err, `model "m": `+c.want)
	}
}

type label string

func (l label) Label() string { return string(l) }

// TestEmptyPartsAreTheIdentity: an empty Serial passes on its input.
func TestEmptyPartsAreTheIdentity(t *testing.T) {
	spec := graph.Sequential("m", tensor.Shape{2}, graph.He(), graph.Serial(), graph.Residual(graph.Serial()),
		graph.Block("b"), graph.Numbered("n"),
		graph.Affine{Units: 2}, graph.Residual(graph.Serial(graph.Serial()), graph.Serial()))
	m := newModel(t, spec)
	require.Len(t, m.Nodes(), 3)
	assert.Equal(t, "input input", names(m.Nodes()[0].Inputs))
	assert.Equal(t, "fc1 fc1", names(m.Nodes()[2].Inputs))
	assert.Equal(t, "add2 add2", names(m.Nodes()[1].Readers()))

	_, err := graph.New(graph.Sequential("m", tensor.Shape{2}, graph.He(), graph.Serial()))
	assert.EqualError(t, err, `model "m": got no layers, want at least one`)
}

func names(nodes []*graph.Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return strings.Join(all, " ")
}

// TestLayersInBlocksKeepWhatTheyRead: From takes full names, also in blocks.
func TestLayersInBlocksKeepWhatTheyRead(t *testing.T) {
	m := newModel(t, graph.Sequential("m", tensor.Shape{2}, graph.He(), graph.Affine{Name: "a", Units: 2},
		graph.Block("b", graph.Affine{Units: 2}, graph.From(graph.Add{Name: "sum"}, "a", "b.fc1")), graph.Softmax{}))
	node, err := m.Node("b.sum")
	require.NoError(t, err)
	assert.Equal(t, "a b.fc1", names(node.Inputs))
	assert.Equal(t, "b.fc1 b.sum", names(m.Nodes()[0].Readers()))
}
