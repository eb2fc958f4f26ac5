package graph

import (
	"fmt"
	"reflect"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A Layer is one step of a network, as data. Shapes are those of one sample, (C, H, W) or
// (features), without the batch: one for each value that the layer reads. All layers but the
// joins read one value.
type Layer interface {
	// Label is the layer's own name. It is empty if the model should number it ("conv1", "relu2").
	Label() string
	// Output is the shape of the result, or an error that says why the input doesn't fit.
	Output(in ...tensor.Shape) (tensor.Shape, error)
	// Parameters declares the layer's parameters under names of its own ("weight"), given inputs
	// that fit.
	Parameters(in ...tensor.Shape) []Parameter
	// MultiplyAdds is the arithmetic of one sample going forward, given inputs that fit.
	MultiplyAdds(in ...tensor.Shape) int64
	// Lower adds the layer's ops to the symbolic graph and returns the node of its result.
	Lower(l *Lowering) (*G.Node, error)
}

// A Join is a layer that reads several values.
type Join interface {
	Layer
	// Reads is the least and the largest number of values that the layer reads.
	Reads() (least, most int)
}

// A Lowering is what a layer needs to add its ops to a symbolic graph.
type Lowering struct {
	Inputs   []*G.Node // the values it reads, each a batch
	Training bool      // dropout is on, and BatchNorm uses the batch's statistics
	RNG      *ops.RNG  // the randomness of a training graph's random ops

	node  *Node
	graph *symbolic
}

// X is the value that a layer of one input reads.
func (l *Lowering) X() *G.Node { return l.Inputs[0] }

// Param is the node of the layer's parameter of the given name, or nil if the layer has none.
func (l *Lowering) Param(name string) *G.Node {
	p := l.node.Param(name)
	if p == nil {
		return nil
	}
	return l.graph.param(p)
}

// Frozen says whether the layer's parameter of the given name is frozen.
func (l *Lowering) Frozen(name string) bool {
	p := l.node.Param(name)
	return p != nil && p.Frozen
}

// Estimate makes each training step move a running statistic towards a value of the batch:
// running = (1-momentum)·running + momentum·value. A frozen one stays.
func (l *Lowering) Estimate(name string, value *G.Node, momentum float64) {
	p := l.node.Param(name)
	if p.Frozen {
		return
	}
	l.graph.estimates = append(l.graph.estimates, estimate{parameter: p, value: value, momentum: momentum})
}

// A layerKind is a layer's entry in the table of kinds.
type layerKind struct {
	name  string // in JSON: "conv2d"
	stem  string // of automatic names: "conv" for conv1, conv2, …
	layer Layer
}

//go:generate go run ./internal/specschema

// kinds are all layers, in the order of the documents. docs/spec.schema.json is made of them.
var kinds = []layerKind{
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
	{"leaky_relu", "relu", LeakyReLU{}},
	{"prelu", "relu", PReLU{}},
	{"elu", "elu", ELU{}},
	{"celu", "celu", CELU{}},
	{"selu", "selu", SELU{}},
	{"silu", "silu", SiLU{}},
	{"gelu", "gelu", GELU{}},
	{"mish", "mish", Mish{}},
	{"softplus", "softplus", Softplus{}},
	{"softsign", "softsign", Softsign{}},
	{"clip", "clip", Clip{}},
	{"hard_sigmoid", "sigmoid", HardSigmoid{}},
	{"hard_swish", "swish", HardSwish{}},
	{"erf", "erf", Erf{}},
	{"lrn", "lrn", LRN{}},
	{"batch_norm", "bn", BatchNorm{}},
	{"group_norm", "gn", GroupNorm{}},
	{"layer_norm", "ln", LayerNorm{}},
	{"global_avg_pool", "pool", GlobalAvgPool{}},
	{"global_max_pool", "pool", GlobalMaxPool{}},
	{"lp_pool", "pool", LpPool{}},
	{"scale", "scale", Scale{}},
	{"slice", "slice", Slice{}},
	{"take", "take", Take{}},
	{"rearrange", "rearrange", Rearrange{}},
	{"pad", "pad", Pad{}},
	{"resize", "resize", Resize{}},
	{"channel_shuffle", "shuffle", ChannelShuffle{}},
	{"pad_channels", "pad", PadChannels{}},
	{"dropout", "dropout", Dropout{}},
	{"dropout2d", "dropout", Dropout2D{}},
	{"stochastic_depth", "depth", StochasticDepth{}},
	{"softmax", "softmax", Softmax{}},
	{"log_softmax", "softmax", LogSoftmax{}},
	{"add", "add", Add{}},
	{"subtract", "subtract", Subtract{}},
	{"multiply", "multiply", Multiply{}},
	{"divide", "divide", Divide{}},
	{"maximum", "maximum", Maximum{}},
	{"minimum", "minimum", Minimum{}},
	{"concat", "concat", Concat{}},
}

// Kinds are the names of all layers in JSON, in the order of the documents.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// LayerOfKind is a layer of the given kind with no field set.
func LayerOfKind(kind string) (Layer, bool) {
	for _, k := range kinds {
		if k.name == kind {
			return k.layer, true
		}
	}
	return nil, false
}

// Kind is the layer's name in JSON: "conv2d". It is empty for a layer from outside this package.
func Kind(l Layer) string { return kindOf(l).name }

func kindOf(l Layer) layerKind {
	l, _ = Reads(l)
	for _, k := range kinds {
		if reflect.TypeOf(l) == reflect.TypeOf(k.layer) {
			return k
		}
	}
	return layerKind{stem: "layer"}
}

// InputName is the name by which a layer reads the network's input.
const InputName = "input"

// From makes a layer read the outputs of the named layers instead of the one before it in the list.
// [InputName] is the network's input. The names must belong to earlier layers. They are whole names:
// inside of a [Block] called "block" the first convolution is "block.conv1".
func From(l Layer, names ...string) Layer {
	l, _ = Reads(l)
	return reading{Layer: l, from: names}
}

// Reads takes apart what [From] put together: the layer and the names it reads. There are no names
// for a layer that reads the one before it.
func Reads(l Layer) (Layer, []string) {
	if r, ok := l.(reading); ok {
		return r.Layer, r.from
	}
	return l, nil
}

// reading is a layer with the names of what it reads.
type reading struct {
	Layer
	from []string
}

// Named is a copy of a layer of this package under another name.
func Named(l Layer, name string) Layer { return named(l, name) }

// Stem is what the automatic names of layers like this one begin with: "conv" of conv1, conv2, …
func Stem(l Layer) string { return kindOf(l).stem }

func named(l Layer, name string) Layer {
	bare, from := Reads(l)
	if reflect.TypeOf(bare).Kind() != reflect.Struct {
		return invalid{fmt.Errorf("is a %T: want a struct with a field Name", bare)}
	}
	v := reflect.New(reflect.TypeOf(bare)).Elem()
	v.Set(reflect.ValueOf(bare))
	field := v.FieldByName("Name")
	if !field.IsValid() || field.Kind() != reflect.String {
		return invalid{fmt.Errorf("is a %T, which has no field Name: want one", bare)}
	}
	field.SetString(name)
	bare = v.Interface().(Layer)
	if from == nil {
		return bare
	}
	return From(bare, from...)
}

// invalid is a layer that can't be: the spec reports its error.
type invalid struct{ err error }

func (i invalid) Label() string                                { return "" }
func (i invalid) Output(...tensor.Shape) (tensor.Shape, error) { return nil, i.err }
func (i invalid) Parameters(...tensor.Shape) []Parameter       { return nil }
func (i invalid) MultiplyAdds(...tensor.Shape) int64           { return 0 }
func (i invalid) Lower(*Lowering) (*G.Node, error)             { return nil, i.err }
