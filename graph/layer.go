package graph

import (
	"reflect"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A Layer is one step of a network, as data. Shapes are those of one sample: (C, H, W) or (features), without the batch.
type Layer interface {
	// Label is the layer's own name; empty if the model is to number it ("conv1", "relu2").
	Label() string
	// Output is the shape after the layer, or an error that says why the input doesn't fit.
	Output(in tensor.Shape) (tensor.Shape, error)
	// Parameters are what the layer learns, given an input that fits.
	Parameters(in tensor.Shape) []Parameter
	// MultiplyAdds is the arithmetic of one sample going forward, given an input that fits.
	MultiplyAdds(in tensor.Shape) int64
	// Lower adds the layer's ops to the graph of x, a batch; params are in the order of Parameters.
	Lower(x *G.Node, params []*G.Node, mode Mode) (*G.Node, error)
}

// A Parameter is the declaration of one tensor that a layer learns.
type Parameter struct {
	Name  string // within the layer: "weight", "bias"
	Shape tensor.Shape
	FanIn int     // how many inputs each output sums over; 0: every element starts at Value
	Init  Init    // how a weight starts; the zero Init leaves it to the model
	Value float64 // where a bias starts
}

// Mode says what a graph is built for.
type Mode struct {
	Training bool       // dropout is on
	Noise    *ops.Noise // where the random ops of a training graph get their randomness
}

// kinds are the layers by their name in JSON, each with the stem of its automatic names.
var kinds = []struct {
	kind, stem string
	layer      Layer
}{
	{"conv2d", "conv", Conv2D{}},
	{"max_pool", "pool", MaxPool{}},
	{"avg_pool", "pool", AvgPool{}},
	{"subsample", "pool", Subsample{}},
	{"affine", "fc", Affine{}},
	{"flatten", "flatten", Flatten{}},
	{"normalize", "normalize", Normalize{}},
	{"relu", "relu", ReLU{}},
	{"sigmoid", "sigmoid", Sigmoid{}},
	{"tanh", "tanh", Tanh{}},
	{"lrn", "lrn", LRN{}},
	{"dropout", "dropout", Dropout{}},
	{"softmax", "softmax", Softmax{}},
}

// Kind is the layer's name in JSON: "conv2d".
func Kind(l Layer) string {
	kind, _ := kindAndStem(l)
	return kind
}

func kindAndStem(l Layer) (kind, stem string) {
	for _, k := range kinds {
		if reflect.TypeOf(l) == reflect.TypeOf(k.layer) {
			return k.kind, k.stem
		}
	}
	return "", "layer"
}
