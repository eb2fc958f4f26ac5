package graph

import (
	"fmt"
	"reflect"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A Layer is one step of a network, as data. Shapes are those of one sample, (C, H, W) or
// (features), one for each value that the layer reads. All layers except joins read one value.
type Layer interface {
	// Label returns the layer's own name, or "" to have the model number it: "conv1", "relu2".
	Label() string
	// Output returns the shape of the result, or an error that says why the inputs don't fit.
	Output(in ...tensor.Shape) (tensor.Shape, error)
	// Parameters declares the layer's parameters, for inputs that fit. Their names are those within
	// the layer: "weight".
	Parameters(in ...tensor.Shape) []Parameter
	// MultiplyAdds returns the number of multiply-adds of one sample's forward pass, for inputs
	// that fit.
	MultiplyAdds(in ...tensor.Shape) int64
	// Lower adds the layer's ops to the symbolic graph and returns the node of its result.
	Lower(l *Lowering) (*G.Node, error)
}

// A Join is a layer that reads several values.
type Join interface {
	Layer
	// Reads returns the least and the largest number of values that the layer reads.
	Reads() (least, most int)
}

// A Lowering is what a layer needs to add its ops to a symbolic graph.
type Lowering struct {
	Inputs   []*G.Node // the values that the layer reads, each a batch
	Training bool      // dropout is on, and BatchNorm uses the batch's statistics
	RNG      *ops.RNG  // randomness of the graph's random ops

	node      *Node
	paramNode func(*Parameter) *G.Node // the symbolic graph's node of a parameter
	estimates []estimate               // of the layer's running statistics
}

// X returns the value that a layer of one input reads.
func (l *Lowering) X() *G.Node { return l.Inputs[0] }

// Param returns the node of the layer's parameter with the given name, or nil if it has none.
func (l *Lowering) Param(name string) *G.Node {
	p := l.node.Param(name)
	if p == nil {
		return nil
	}
	return l.paramNode(p)
}

// Frozen reports whether the layer's parameter with the given name is frozen.
func (l *Lowering) Frozen(name string) bool {
	p := l.node.Param(name)
	return p != nil && p.Frozen
}

// Estimate updates a running statistic in each training step, with a value of the batch: running =
// (1-momentum)·running + momentum·value. A frozen statistic doesn't change.
func (l *Lowering) Estimate(name string, value *G.Node, momentum float64) {
	p := l.node.Param(name)
	if p.Frozen {
		return
	}
	l.estimates = append(l.estimates, estimate{parameter: p, value: value, momentum: momentum})
}

// InputName is the name of the network's input.
const InputName = "input"

// From makes a layer read the named layers instead of the one before it in the list. [InputName] is
// the network's input. The layers must come earlier, and the names are full names: inside a [Block]
// called "block" the first convolution is "block.conv1".
func From(l Layer, names ...string) Layer {
	l, _ = Reads(l)
	return reading{Layer: l, from: names}
}

// Reads undoes [From]: it returns the layer and the names that it reads, or nil if it reads the
// layer before it.
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

// Named returns a copy of a layer of this package with another name.
func Named(l Layer, name string) Layer {
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

// invalid replaces a layer that couldn't be made. Resolving the spec reports its error.
type invalid struct{ err error }

func (i invalid) Label() string { return "" }

func (i invalid) Output(...tensor.Shape) (tensor.Shape, error) { return nil, i.err }

func (i invalid) Parameters(...tensor.Shape) []Parameter { return nil }

func (i invalid) MultiplyAdds(...tensor.Shape) int64 { return 0 }

func (i invalid) Lower(*Lowering) (*G.Node, error) { return nil, i.err }

func orOne(v float64) float64 { return orDefault(v, 1) }

func orDefault(v, fallback float64) float64 {
	if v == 0 {
		return fallback
	}
	return v
}

// plain has the methods of layers without parameters and without multiply-adds.
type plain struct{}

// Parameters returns none.
func (plain) Parameters(...tensor.Shape) []Parameter { return nil }

// MultiplyAdds returns 0: function calls and comparisons aren't counted.
func (plain) MultiplyAdds(...tensor.Shape) int64 { return 0 }

// elementwise has the methods of layers that compute each value from one value, without parameters.
type elementwise struct{ plain }

// Output returns the input's shape.
func (elementwise) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0], nil }

// An estimate updates a running statistic with a value of the batch.
type estimate struct {
	parameter *Parameter
	value     *G.Node
	momentum  float64
}
