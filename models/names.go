package models

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
)

// Rename gives arrays of another program's file the names and the layout of a model's parameters. It knows three forms:
//
//   - our own names;
//   - the book's, W1, b1, W2, … by layers, whose affine weights are (in, out);
//   - any names in the order of the parameters, as a PyTorch state dict has them ("0.weight", "features.0.bias"); its layout is ours.
//
// An error names what is missing, too much, or of another shape.
func Rename(m *graph.Model, arrays []formats.Array) ([]formats.Array, error) {
	params := m.Params()
	if len(arrays) != len(params) {
		return nil, fmt.Errorf("model %q has %d parameters, the file %d arrays: %s", m.Spec().Name, len(params), len(arrays), arrayNames(arrays))
	}
	if _, ours := formats.Find(arrays, params[0].Name); ours {
		return arrays, nil
	}
	if book, ok := formats.Find(arrays, "W1"); ok && book.Value != nil {
		return renameBook(params, arrays)
	}
	renamed := make([]formats.Array, len(params))
	for i, p := range params {
		if !arrays[i].Value.Shape().Eq(p.Value.Shape()) {
			return nil, fmt.Errorf("array %d %q has shape %v: the model's parameter %d %q has %v",
				i+1, arrays[i].Name, arrays[i].Value.Shape(), i+1, p.Name, p.Value.Shape())
		}
		renamed[i] = formats.Array{Name: p.Name, Value: arrays[i].Value}
	}
	return renamed, nil
}

// renameBook takes the book's Wn and bn for the n-th layer that has a weight.
func renameBook(params []graph.Param, arrays []formats.Array) ([]formats.Array, error) {
	renamed := make([]formats.Array, len(params))
	for i, name := range bookNames(params) {
		a, ok := formats.Find(arrays, name.Book)
		if !ok {
			return nil, fmt.Errorf("array %q is missing: it is the model's %q; the file has %s", name.Book, name.Name, arrayNames(arrays))
		}
		value, err := name.ours(a.Value)
		if err != nil {
			return nil, err
		}
		if want := params[i].Value.Shape(); !value.Shape().Eq(want) {
			return nil, fmt.Errorf("array %q has shape %v: the model's %q has %v", name.Book, a.Value.Shape(), name.Name, want)
		}
		renamed[i] = formats.Array{Name: name.Name, Value: value}
	}
	return renamed, nil
}

// A BookName is a parameter's name in the book's code beside its name here.
type BookName struct {
	Book, Name string
	Transposed bool // the book's matrix is the transpose of ours
}

// BookNames are the book's names for a model's parameters: W1, b1, … by layers. The book's affine weights are (in, out), ours (out, in).
func BookNames(m *graph.Model) []BookName { return bookNames(m.Params()) }

func bookNames(params []graph.Param) []BookName {
	var names []BookName
	layer := 0
	for _, p := range params {
		kind := "b"
		if !strings.HasSuffix(p.Name, ".bias") {
			kind = "W"
			layer++
		}
		names = append(names, BookName{
			Book: fmt.Sprintf("%s%d", kind, layer), Name: p.Name, Transposed: kind == "W" && p.Value.Dims() == 2,
		})
	}
	return names
}

// ToBook gives a model's parameters the book's names and layout.
func ToBook(m *graph.Model) ([]formats.Array, error) {
	var arrays []formats.Array
	for i, name := range BookNames(m) {
		value, err := name.ours(m.Params()[i].Value) // a matrix's transpose either way
		if err != nil {
			return nil, err
		}
		arrays = append(arrays, formats.Array{Name: name.Book, Value: value})
	}
	return arrays, nil
}

// ours is an array of the book's in our layout.
func (n BookName) ours(a *tensor.Dense) (*tensor.Dense, error) {
	if !n.Transposed {
		return a, nil
	}
	if a.Dims() != 2 {
		return nil, fmt.Errorf("array %q has shape %v: want (in, out)", n.Book, a.Shape())
	}
	t, err := tensor.Transpose(a, 1, 0)
	if err != nil {
		return nil, fmt.Errorf("array %q: %w", n.Book, err)
	}
	return t.(*tensor.Dense), nil
}

func arrayNames(arrays []formats.Array) string {
	names := make([]string, len(arrays))
	for i, a := range arrays {
		names[i] = fmt.Sprintf("%q", a.Name)
	}
	return strings.Join(names, ", ")
}
