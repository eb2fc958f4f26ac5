package models

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
)

// Rename gives arrays of another program's file the names and the layout of a model's parameters.
// It accepts two forms:
//
// - the book's: W1, b1, W2, … by layers, with affine weights of (in, out);
// - a PyTorch state dict, or a checkpoint with one, with names as in [Match] and our layout.
//
// Two other shapes fit too: see [RenameBy], which handles every other form. An error names an array
// that is missing, superfluous, or of the wrong shape.
func Rename(m *graph.Model, arrays []formats.Array) ([]formats.Array, error) {
	if _, book := formats.Find(arrays, "W1"); book {
		return renameBook(m, arrays)
	}
	names, err := Match(m, arrays)
	if err != nil {
		return nil, err
	}
	return RenameBy(m, arrays, names)
}

// RenameBy gives arrays the names and the layout of a model's parameters. names maps the file's
// names to the model's, for every parameter. Arrays that it doesn't contain are ignored and needn't
// be readable. A file's name that ends in a dot is a prefix: {"ema.": ""} maps "ema.conv1.weight"
// to "conv1.weight". Besides a parameter's own shape two others fit:
//
// - (filters, channels, kh, kw) for a convolution with Connections, if the kernels without a
// connection are 0;
// - (filters, channels·kh·kw), an affine layer, for a convolution with a kernel as large as its
// input.
func RenameBy(m *graph.Model, arrays []formats.Array, names map[string]string) ([]formats.Array, error) {
	if err := formats.CheckUnique(arrays); err != nil {
		return nil, err
	}
	theirs := map[string]string{}
	for file, name := range withoutPrefixes(m, arrays, names) {
		if _, err := m.Param(name); err != nil {
			return nil, fmt.Errorf("%q maps to %q: %w", file, name, err)
		}
		if first, taken := theirs[name]; taken {
			return nil, fmt.Errorf("%q and %q both map to %q: want one of them",
				min(first, file), max(first, file), name)
		}
		theirs[name] = file
	}
	layers := layersByName(m)
	var renamed []formats.Array
	for _, p := range m.Params() {
		file, ok := theirs[p.Name]
		if !ok {
			return nil, fmt.Errorf("model %q: no array maps to parameter %q", m.Spec().Name, p.Name)
		}
		a, ok := formats.Find(arrays, file)
		if !ok {
			return nil, fmt.Errorf("array %q is missing: it maps to %q; the file has %s",
				file, p.Name, arrayNames(arrays))
		}
		if a.Err != nil {
			return nil, fmt.Errorf("array %q, which maps to %q: %w", file, p.Name, a.Err)
		}
		if a.Value == nil {
			return nil, fmt.Errorf("array %q, which maps to %q, has no value", file, p.Name)
		}
		value, err := fit(a, p, layers[strings.TrimSuffix(p.Name, ".weight")])
		if err != nil {
			return nil, err
		}
		renamed = append(renamed, formats.Array{Name: p.Name, Value: value})
	}
	return renamed, nil
}

// withoutPrefixes replaces every prefix by the names of the parameters that the file has under it.
func withoutPrefixes(m *graph.Model, arrays []formats.Array, names map[string]string) map[string]string {
	all := map[string]string{}
	for file, name := range names {
		if !strings.HasSuffix(file, ".") {
			all[file] = name
			continue
		}
		for _, a := range arrays {
			rest, ok := strings.CutPrefix(a.Name, file)
			if _, err := m.Param(name + rest); ok && err == nil {
				all[a.Name] = name + rest
			}
		}
	}
	return all
}

func layersByName(m *graph.Model) map[string]graph.Layer {
	layers := map[string]graph.Layer{}
	for _, n := range m.Nodes() {
		layers[n.Name] = n.Layer
	}
	return layers
}

// fit returns the array in the shape of the layer's parameter.
func fit(a formats.Array, p *graph.Parameter, layer graph.Layer) (*tensor.Dense, error) {
	got, want := a.Value.Shape(), p.Value.Shape()
	if got.Eq(want) {
		return a.Value, nil
	}
	conv, isWeight := layer.(graph.Conv2D)
	switch {
	case isWeight && conv.Connections != nil &&
		got.Dims() == 4 && got[0] == conv.Filters && got[2] == want[1] && got[3] == want[2]:
		return connected(a, p.Name, conv.Connections)
	case isWeight && conv.Connections == nil && got.Dims() == 2 && got[0] == want[0] && got[1] == want[1:].TotalSize():
		v := a.Value.Clone().(*tensor.Dense)
		return v, v.Reshape(want...)
	}
	return nil, fmt.Errorf("array %q: got shape %v, want %v for parameter %q", a.Name, got, want, p.Name)
}

// connected selects from all kernels, (filters, channels, kh, kw), those of a convolution with
// connections, (connections, kh, kw).
func connected(a formats.Array, name string, connections [][]int) (*tensor.Dense, error) {
	shape := a.Value.Shape()
	all := formats.Convert(a.Value, tensor.Float64).Float64s()
	taps := shape[2] * shape[3]
	var kernels []float64
	for filter, inputs := range connections {
		if last := inputs[len(inputs)-1]; last >= shape[1] {
			return nil, fmt.Errorf("array %q has %d channels: filter %d of the model's %q reads channel %d",
				a.Name, shape[1], filter, name, last)
		}
		for channel := range shape[1] {
			at := (filter*shape[1] + channel) * taps
			kernel := all[at : at+taps]
			if slices.Contains(inputs, channel) {
				kernels = append(kernels, kernel...)
				continue
			}
			if tap := slices.IndexFunc(kernel, func(v float64) bool { return v != 0 }); tap >= 0 {
				return nil, fmt.Errorf(
					"array %q is %g at %v: the model's %q has no connection from channel %d to filter %d: want 0",
					a.Name, kernel[tap], []int{filter, channel, tap / shape[3], tap % shape[3]}, name, channel, filter)
			}
		}
	}
	v := tensor.New(tensor.WithShape(len(kernels)/taps, shape[2], shape[3]), tensor.WithBacking(kernels))
	return formats.Convert(v, floatOf(a.Value)), nil
}

// floatOf returns the array's element type if it is a float, otherwise float64.
func floatOf(d *tensor.Dense) tensor.Dtype {
	if d.Dtype() == tensor.Float32 {
		return tensor.Float32
	}
	return tensor.Float64
}

// renameBook maps the book's Wn and bn to the n-th layer with a weight.
func renameBook(m *graph.Model, arrays []formats.Array) ([]formats.Array, error) {
	if err := formats.CheckNames(arrays); err != nil {
		return nil, err
	}
	params := m.Params()
	if len(arrays) != len(params) {
		return nil, fmt.Errorf("model %q has %d parameters, the file %d arrays: %s",
			m.Spec().Name, len(params), len(arrays), arrayNames(arrays))
	}
	renamed := make([]formats.Array, len(params))
	for i, name := range bookNames(params) {
		a, ok := formats.Find(arrays, name.Book)
		if !ok {
			return nil, fmt.Errorf("array %q is missing: it is the model's %q; the file has %s",
				name.Book, name.Name, arrayNames(arrays))
		}
		value, err := name.ours(a.Value)
		if err != nil {
			return nil, err
		}
		if want := params[i].Value.Shape(); !value.Shape().Eq(want) {
			return nil, fmt.Errorf("array %q: got shape %v, want %v for %q", name.Book, a.Value.Shape(),
				want, name.Name)
		}
		renamed[i] = formats.Array{Name: name.Name, Value: value}
	}
	return renamed, nil
}

// A BookName is a parameter's name in the book's code and its name here.
type BookName struct {
	Book, Name string
	Transposed bool // the book's matrix is the transpose of ours
}

// BookNames returns the book's names of a model's parameters: W1, b1, … by layers. The book's
// affine weights are (in, out), ours (out, in).
func BookNames(m *graph.Model) []BookName { return bookNames(m.Params()) }

func bookNames(params []*graph.Parameter) []BookName {
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

// ToBook returns a model's parameters with the book's names and layout.
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

// ours returns an array of the book in our layout.
func (n BookName) ours(a *tensor.Dense) (*tensor.Dense, error) {
	if !n.Transposed {
		return a, nil
	}
	if a.Dims() != 2 {
		return nil, fmt.Errorf("array %q: got shape %v, want (in, out)", n.Book, a.Shape())
	}
	t, err := tensor.Transpose(a, 1, 0)
	if err != nil {
		return nil, fmt.Errorf("array %q: %w", n.Book, err)
	}
	return t.(*tensor.Dense), nil
}

// arrayNames lists the names in a file, up to a readable number.
func arrayNames(arrays []formats.Array) string {
	const most = 40
	var names []string
	for _, a := range arrays[:min(most, len(arrays))] {
		names = append(names, fmt.Sprintf("%.80q", a.Name))
	}
	if more := len(arrays) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
