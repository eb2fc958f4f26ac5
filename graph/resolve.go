package graph

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Resolving a spec turns its list of layers into a graph of nodes.

// resolve names the layers, links them and infers every shape. The error is a *SpecError that says
// which layer doesn't fit. The first node is the network's input.
func (s *Spec) resolve() ([]*Node, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	r := resolver{
		spec:  s,
		nodes: []*Node{{Name: InputName, Shape: s.Input}},
		names: namer{taken: map[string]int{}, count: map[string]int{}},
	}
	for i, l := range s.Layers {
		if err := r.add(i+1, l); err != nil {
			return nil, err
		}
	}
	if err := r.checkReaders(); err != nil {
		return nil, err
	}
	if n, out := len(s.ClassNames), r.last().Shape.TotalSize(); n > 0 && n != out {
		layer := r.last().Name
		if h, err := s.head(r.nodes); err == nil {
			layer = h.logits.Name // a Softmax has no width of its own
		}
		return nil, s.errorf("class_names",
			0, "got %d class names for %d outputs of layer %q, want one for each, or none", n, out, layer)
	}
	return r.nodes, nil
}

type resolver struct {
	spec  *Spec
	nodes []*Node // the input and the layers so far
	names namer

	reads                   int
	parameters, activations int64
}

func (r *resolver) last() *Node { return r.nodes[len(r.nodes)-1] }

func (r *resolver) add(number int, declared Layer) error {
	if err := checkValue(declared); err != nil {
		return r.spec.errorf("layers", number, "%w", err)
	}
	layer, from := Reads(declared)
	if bad, ok := layer.(invalid); ok {
		return r.spec.errorf("layers", number, "%w", bad.err)
	}
	name, err := r.names.name(layer, len(r.nodes))
	if err != nil {
		return r.spec.errorf("layers", number, "(%s): %w", Code(layer), err)
	}
	n := &Node{Name: name, Layer: layer}
	if err := r.join(n, from); err != nil {
		return r.spec.errorf("layers", number, "%q (%s): %w", name, Code(layer), err)
	}
	if err := r.fit(n); err != nil {
		return r.spec.errorf("layers", number, "%q (%s, %s): %w", name, Code(layer), r.describeInputs(n), err)
	}
	for _, in := range n.Inputs {
		in.readers = append(in.readers, n)
	}
	r.nodes = append(r.nodes, n)
	return nil
}

// join finds the nodes that a node reads.
func (r *resolver) join(n *Node, from []string) error {
	if from == nil {
		n.Inputs = []*Node{r.last()}
	}
	if r.reads += len(from); r.reads > maxReads {
		return fmt.Errorf("the layers read more than %d values in all", maxReads)
	}
	for _, name := range from {
		in, err := r.named(name)
		if err != nil {
			return err
		}
		n.Inputs = append(n.Inputs, in)
	}
	return checkCount(n)
}

// checkCount checks the number of values that a node reads.
func checkCount(n *Node) error {
	least, most := 1, 1
	if j, ok := n.Layer.(Join); ok {
		least, most = j.Reads()
	}
	got := len(n.Inputs)
	if got >= max(least, 1) && got <= most {
		return nil
	}
	if got > most && most > 1 && least < most {
		return fmt.Errorf("reads %d values: want at most %d", got, most)
	}
	want := fmt.Sprintf("at least %d", max(least, 1))
	if least == most {
		want = fmt.Sprint(least)
	}
	return fmt.Errorf("reads %s: want %s", n.readsInWords(), want)
}

// named returns the earlier node with the given name.
func (r *resolver) named(name string) (*Node, error) {
	i, taken := r.names.taken[name]
	earlier := taken && i < len(r.nodes) // not the layer itself
	switch {
	case name == InputName && earlier:
		return nil, fmt.Errorf(
			"reads %q, which is the network's input and the name of layer %d: want another name for the layer", name, i)
	case name == InputName:
		return r.nodes[0], nil
	case earlier:
		return r.nodes[i], nil
	}
	return nil, fmt.Errorf("reads %.80q: want the name of an earlier layer, or %q%s", name, InputName, r.later(name))
}

// later is an addition to an error: it says if a later layer of the spec has the name.
func (r *resolver) later(name string) string {
	for i, l := range r.spec.Layers[len(r.nodes)-1:] {
		if l != nil && l.Label() == name {
			return fmt.Sprintf("; layer %d of that name comes later", len(r.nodes)+i)
		}
	}
	return ""
}

// fit infers the node's shape and declares its parameters.
func (r *resolver) fit(n *Node) error {
	in := n.InputShapes()
	out, err := n.Layer.Output(in...)
	if err != nil {
		return err
	}
	if err := checkNumbers(n.Layer); err != nil {
		return err
	}
	if out.Dims() != 1 && out.Dims() != 3 || slices.Min(out) < 1 {
		return fmt.Errorf("output: got %v, want (channels, height, width) or (features)", out)
	}
	n.Shape = out
	if r.activations += elements(out); r.activations > maxElements {
		return fmt.Errorf("output: got %v, want at most %d activations in one sample", out, maxElements)
	}
	for _, p := range n.Layer.Parameters(in...) {
		if r.parameters += elements(p.Shape); r.parameters > maxElements {
			return fmt.Errorf("%s: got %v, want at most %d elements in all parameters", p.Name, p.Shape, maxElements)
		}
		p.Name = n.Name + "." + p.Name
		n.Parameters = append(n.Parameters, &p)
	}
	return nil
}

// describeInputs returns "input (1, 28, 28)", or with names if the layer doesn't read the one
// before it: `reads "bn2" (64, 56, 56), "relu1" (64, 28, 28)`.
func (r *resolver) describeInputs(n *Node) string {
	if len(n.Inputs) == 1 && n.Inputs[0] == r.last() {
		return fmt.Sprintf("input %v", n.Inputs[0].Shape)
	}
	const most = 8
	var parts []string
	for _, in := range n.Inputs[:min(most, len(n.Inputs))] {
		parts = append(parts, fmt.Sprintf("%q %v", in.Name, in.Shape))
	}
	if more := len(n.Inputs) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return "reads " + strings.Join(parts, ", ")
}

// checkReaders refuses a layer whose output nothing reads, except the last one: most likely a name
// is wrong.
func (r *resolver) checkReaders() error {
	for i, n := range r.nodes[:len(r.nodes)-1] {
		if len(n.readers) == 0 {
			return r.spec.errorf("layers", i, "%q (%s): no layer reads its output", n.Name, Code(n.Layer))
		}
	}
	return nil
}

// checkNumbers refuses numbers in a layer's fields that would make every result NaN.
func checkNumbers(l Layer) error {
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		switch value := v.Field(i).Interface().(type) {
		case float64:
			if !inFloat32(value) {
				return fmt.Errorf("%s: got %g, want a finite number of float32", field.Name, value)
			}
		case []float64:
			for c, x := range value {
				if !inFloat32(x) {
					return fmt.Errorf("%s of channel %d: got %g, want a finite number of float32", field.Name, c, x)
				}
			}
		case Init:
			if err := value.check(); err != nil {
				return err
			}
		}
	}
	return nil
}
