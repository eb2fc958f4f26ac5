package graph

import (
	"fmt"
	"reflect"
)

// A layerKind is a row in the table of layers.
type layerKind struct {
	name  string // in JSON: "conv2d"
	stem  string // of automatic names: "conv" of conv1, conv2, …
	layer Layer
}

//go:generate go run ./internal/specschema

// kinds lists all layers, in the order of the documents. docs/spec.schema.json is generated from
// it.
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

// Kinds returns the JSON names of all layers, in the order of the documents.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// LayerOfKind returns a layer of the given kind without any field set.
func LayerOfKind(kind string) (Layer, bool) {
	for _, k := range kinds {
		if k.name == kind {
			return k.layer, true
		}
	}
	return nil, false
}

// Kind returns the layer's name in JSON, such as "conv2d", or "" for a layer of another package.
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

// Stem returns the stem of automatic names of layers like this one: "conv" of conv1, conv2, …
func Stem(l Layer) string { return kindOf(l).stem }

// checkValue refuses nil, and a pointer to a layer of this package: the table of kinds has values
// only.
func checkValue(l Layer) error {
	if r, ok := l.(reading); ok {
		l = r.Layer
	}
	v := reflect.ValueOf(l)
	switch {
	case l == nil, v.Kind() == reflect.Pointer && v.IsNil():
		return fmt.Errorf("is nil")
	case v.Kind() != reflect.Pointer:
		return nil
	}
	if value, ok := v.Elem().Interface().(Layer); ok && Kind(value) != "" {
		return fmt.Errorf("is a %T: want a %T", l, value)
	}
	return nil
}

// A namer gives every layer a unique name: its label, or its kind's stem and a number.
type namer struct {
	taken map[string]int // the index of each name's layer
	count map[string]int
}

// name returns the name of the layer with the given index.
func (n *namer) name(l Layer, index int) (string, error) {
	name := l.Label()
	if name == "" {
		stem := kindOf(l).stem
		n.count[stem]++
		name = fmt.Sprintf("%s%d", stem, n.count[stem])
	}
	if _, taken := n.taken[name]; taken {
		return "", fmt.Errorf("the name %q is taken by an earlier layer", name)
	}
	n.taken[name] = index
	return name, nil
}
