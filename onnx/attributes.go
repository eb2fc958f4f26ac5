package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// attributes reads a node's attributes and records which were read. An attribute that isn't read is
// refused because it would change the node's meaning.
type attributes struct {
	byName map[string]schema.Attribute
	err    error
}

func newAttributes(n *schema.Node) *attributes {
	a := &attributes{byName: make(map[string]schema.Attribute, len(n.Attributes))}
	for _, attribute := range n.Attributes {
		if _, dup := a.byName[attribute.Name]; dup {
			a.fail("attribute %q is there twice", attribute.Name)
		}
		a.byName[attribute.Name] = attribute
	}
	return a
}

func (a *attributes) fail(format string, arguments ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, arguments...)
	}
}

// take returns an attribute if it is present, and checks its type.
func (a *attributes) take(name string, want schema.AttributeType) (schema.Attribute, bool) {
	attribute, ok := a.byName[name]
	if !ok {
		return attribute, false
	}
	delete(a.byName, name)
	if attribute.Type != want {
		a.fail("attribute %q: got %v, want %v", name, attribute.Type, want)
	}
	return attribute, true
}

func (a *attributes) int(name string, fallback int64) int64 {
	if attribute, ok := a.take(name, schema.Int); ok {
		return attribute.Int
	}
	return fallback
}

func (a *attributes) float(name string, fallback float64) float64 {
	if attribute, ok := a.take(name, schema.Float); ok {
		return shortest(attribute.Float)
	}
	return fallback
}

func (a *attributes) text(name, fallback string) string {
	if attribute, ok := a.take(name, schema.String); ok {
		return attribute.String
	}
	return fallback
}

func (a *attributes) ints(name string) []int64 {
	attribute, _ := a.take(name, schema.Ints)
	return attribute.Ints
}

// only refuses all values but one, because no layer implements the others.
func (a *attributes) only(name string, want int64) {
	if got := a.int(name, want); got != want {
		a.fail("attribute %q is %d: only %d is supported", name, got, want)
	}
}

// pair reads an attribute of two sizes of at least 1, height and width.
func (a *attributes) pair(name string, fallback graph.Pair) graph.Pair {
	values := a.ints(name)
	if values == nil {
		return fallback
	}
	if len(values) != 2 {
		a.fail("attribute %q has %d values: only 2-D, height and width, is supported", name, len(values))
		return fallback
	}
	for _, v := range values {
		if v == 0 {
			a.fail("attribute %q: got %v, want sizes of at least 1", name, values)
		}
	}
	return graph.Pair{a.size(name, values[0]), a.size(name, values[1])}
}

// maxSize bounds sizes that are added and multiplied here; graph.Spec has its own bounds.
const maxSize = 1 << 20

func (a *attributes) size(name string, v int64) int {
	if v < 0 || v > maxSize {
		a.fail("attribute %q: got %d, want a size from 0 to %d", name, v, maxSize)
		return 0
	}
	return int(v)
}

// count reads an attribute of at least 1.
func (a *attributes) count(name string, fallback int64) int {
	v := a.int(name, fallback)
	if v == 0 {
		a.fail("attribute %q: got 0, want at least 1", name)
	}
	return a.size(name, v)
}

// done returns the first error, or an error that names an attribute that wasn't read.
func (a *attributes) done() error {
	if a.err != nil {
		return a.err
	}
	if len(a.byName) == 0 {
		return nil
	}
	return fmt.Errorf("attribute %q is not supported", slices.Sorted(maps.Keys(a.byName))[0])
}

// shortest returns the float64 that prints like the float32: 1e-4, not 9.999999747378752e-05.
func shortest(f float32) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f)
	}
	return v
}
