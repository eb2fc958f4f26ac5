package onnx

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/onnx/schema"
)

// specKey is where a file's metadata_props hold the spec of a model that this package wrote.
const specKey = "convgraph.spec"

// described returns the model that the metadata of a file of this package describes, with the
// file's parameters. It returns nil if there is none, or if the graph isn't the one that the spec
// is exported as: another program has changed it, and the graph is valid.
func described(file *schema.Model, options []graph.Option) (*graph.Model, error) {
	text := metadata(file, specKey)
	if text == "" {
		return nil, nil
	}
	spec, err := graph.ParseSpec([]byte(text))
	if err != nil {
		return nil, nil // another program's, or a newer version's
	}
	stored := map[string]*schema.Tensor{}
	for i := range file.Graph.Initializers {
		t := &file.Graph.Initializers[i]
		stored[t.Name] = t
	}
	shapes, err := graph.ParameterShapes(spec)
	if err != nil {
		return nil, nil
	}
	var arrays []formats.Array
	for _, p := range shapes {
		t := stored[p.Name]
		if t == nil || t.External ||
			!slices.EqualFunc(t.Dims, p.Shape, func(a int64, b int) bool { return a == int64(b) }) {
			return nil, nil
		}
		value, err := t.Dense()
		if err != nil {
			return nil, err
		}
		if dt := value.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
			return nil, nil
		}
		arrays = append(arrays, formats.Array{Name: p.Name, Value: value})
	}
	m, err := graph.NewOf(spec, arrays, options...)
	if err != nil {
		return nil, nil
	}
	e, err := exported(m, true)
	if err != nil || !isWrittenAs(file, e) {
		return nil, nil
	}
	return m, nil
}

// isWrittenAs reports whether a file's graph is the exported one, except for parameters and element
// types.
func isWrittenAs(file *schema.Model, e *exporter) bool {
	a, b := &file.Graph, &e.graph
	if len(a.Nodes) != len(b.Nodes) || len(a.Outputs) != len(b.Outputs) || len(a.Initializers) != len(b.Initializers) {
		return false
	}
	for i := range a.Nodes {
		m, n := a.Nodes[i], b.Nodes[i]
		if m.Op != n.Op || m.Domain != n.Domain || !slices.Equal(m.Inputs, n.Inputs) ||
			!slices.Equal(m.Outputs, n.Outputs) || !sameAttributes(m, n) {
			return false
		}
	}
	for i := range a.Outputs {
		if a.Outputs[i].Name != b.Outputs[i].Name {
			return false
		}
	}
	for i := range a.Initializers {
		m, n := a.Initializers[i], b.Initializers[i]
		if m.Name != n.Name || !slices.Equal(m.Dims, n.Dims) {
			return false
		}
		if !e.parameters[n.Name] && !sameNumbers(m, n) {
			return false
		}
	}
	return true
}

func sameNumbers(a, b schema.Tensor) bool {
	m, err := a.Dense()
	if err != nil {
		return false
	}
	n, err := b.Dense()
	return err == nil && reflect.DeepEqual(m.Data(), n.Data())
}

func sameAttributes(a, b schema.Node) bool {
	text := func(n schema.Node) string { return fmt.Sprint(n.Attributes) }
	return len(a.Attributes) == len(b.Attributes) && text(a) == text(b)
}

func metadata(file *schema.Model, key string) string {
	for _, e := range file.Metadata {
		if e.Key == key {
			return e.Value
		}
	}
	return ""
}

// takeMetadata takes the class names from a file's metadata: ours, or those that other programs
// write as a JSON list or an object by index ("classes", "labels", "names").
func (im *importer) takeMetadata(file *schema.Model, spec *graph.Spec) error {
	if text := metadata(file, specKey); text != "" {
		if own, err := graph.ParseSpec([]byte(text)); err == nil {
			spec.ClassNames = own.ClassNames
		}
	}
	outputs := im.outputs
	for _, key := range []string{"class_names", "classes", "labels", "names"} {
		if spec.ClassNames == nil {
			spec.ClassNames = namesIn(metadata(file, key))
		}
	}
	if len(spec.ClassNames) != outputs {
		spec.ClassNames = nil
	}
	return nil
}

// namesIn reads class names from JSON; nil if they aren't.
func namesIn(text string) (names []string) {
	if json.Unmarshal([]byte(text), &names) == nil {
		return names
	}
	byIndex := map[int]string{}
	if json.Unmarshal([]byte(text), &byIndex) != nil {
		return nil
	}
	for i := range len(byIndex) {
		name, ok := byIndex[i]
		if !ok {
			return nil
		}
		names = append(names, name)
	}
	return names
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
