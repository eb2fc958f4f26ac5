package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/internal/xmath"
)

// specKey is where a parameter file's metadata holds the model's spec.
const specKey = "convgraph.spec"

// Save writes the parameters as a safetensors file, whole or not at all. Its metadata holds the spec, so the file describes itself.
func (m *Model) Save(path string) error {
	arrays, metadata, err := m.described()
	if err != nil {
		return err
	}
	return safetensors.Write(path, arrays, metadata)
}

// Write writes what [Model.Save] would put into a file.
func (m *Model) Write(w io.Writer) error {
	arrays, metadata, err := m.described()
	if err != nil {
		return err
	}
	return safetensors.Encode(w, arrays, metadata)
}

// described is the model as arrays, with the metadata that says what they are.
func (m *Model) described() ([]formats.Array, map[string]string, error) {
	spec, err := json.Marshal(m.spec)
	if err != nil {
		return nil, nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	arrays := make([]formats.Array, len(m.params))
	for i, p := range m.params {
		arrays[i] = formats.Array{Name: p.Name, Value: p.Value}
	}
	return arrays, map[string]string{specKey: string(spec)}, nil
}

// Load makes the model that a file of [Model.Save] describes, with its parameters. The element type is float32 unless the options say
// otherwise. An error names the file.
func Load(path string, options ...Option) (*Model, error) {
	arrays, metadata, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := fromDescribed(arrays, metadata, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Read is [Load] of bytes that come from elsewhere: an embedded file, a request. It reads r to its end; who reads from a network limits r
// (io.LimitReader, http.MaxBytesReader).
func Read(r io.Reader, options ...Option) (*Model, error) {
	arrays, metadata, err := safetensors.Read(r)
	if err != nil {
		return nil, err
	}
	m, err := fromDescribed(arrays, metadata, options)
	if err != nil {
		return nil, fmt.Errorf("parameter file: %w", err)
	}
	return m, nil
}

// fromDescribed is the model that a file's arrays and metadata describe.
func fromDescribed(arrays []formats.Array, metadata map[string]string, options []Option) (*Model, error) {
	text, ok := metadata[specKey]
	if !ok {
		return nil, fmt.Errorf("its metadata has no %q: want a parameter file that convgraph wrote (see convgraph import)", specKey)
	}
	spec, err := ParseSpec([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("metadata %q: %w", specKey, err)
	}
	return fromArrays(spec, arrays, options)
}

// fromArrays takes memory for the parameters only when the arrays are known to be them: a small file can declare a large model.
func fromArrays(spec *Spec, arrays []formats.Array, options []Option) (*Model, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	values, err := m.match(arrays)
	if err != nil {
		return nil, err
	}
	for i, p := range m.params {
		p.Value = zeros(m.dtype, p.Shape)
		assign(p.Value, values[i])
	}
	return m, nil
}

// ParameterShapes are the parameters that a spec's model has, without values.
func ParameterShapes(spec *Spec) ([]Parameter, error) {
	m, err := declare(spec, nil)
	if err != nil {
		return nil, err
	}
	params := make([]Parameter, len(m.params))
	for i, p := range m.params {
		params[i] = *p
	}
	return params, nil
}

// NewOf is the model of a spec with the arrays as its parameters, by name; it draws none. The arrays
// are the model's from then on: those of its element type are taken as they are, not copied.
func NewOf(spec *Spec, arrays []formats.Array, options ...Option) (*Model, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	values, err := m.match(arrays)
	if err != nil {
		return nil, err
	}
	for i, p := range m.params {
		if p.Value = values[i]; p.Value.Dtype() == m.dtype {
			continue
		}
		for j, v := range float64s(values[i]) {
			if m.dtype == tensor.Float32 && xmath.IsFinite(v) && !inFloat32(v) {
				return nil, fmt.Errorf("model %q: element %d of parameter %q is %g: want a number of float32", spec.Name, j, p.Name, v)
			}
		}
		p.Value = zeros(m.dtype, p.Shape)
		assign(p.Value, values[i])
	}
	return m, nil
}

// SetParams copies arrays into the parameters of the same names, converting the element type. Every parameter must be there, in its
// shape, and nothing else; otherwise nothing is changed.
func (m *Model) SetParams(arrays []formats.Array) error {
	values, err := m.match(arrays)
	if err != nil {
		return err
	}
	for i, p := range m.params {
		assign(p.Value, values[i])
	}
	return nil
}

// match finds the arrays of all parameters, in their order.
func (m *Model) match(arrays []formats.Array) ([]*tensor.Dense, error) {
	if err := formats.CheckNames(arrays); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	declared := map[string]bool{}
	for _, p := range m.params {
		declared[p.Name] = true
	}
	given := map[string]*tensor.Dense{}
	for _, a := range arrays {
		if !declared[a.Name] {
			return nil, m.noParameter(a.Name)
		}
		given[a.Name] = a.Value
	}
	var values []*tensor.Dense
	for _, p := range m.params {
		v := given[p.Name]
		if v == nil {
			return nil, fmt.Errorf("model %q: parameter %q is missing", m.spec.Name, p.Name)
		}
		if !slices.Equal(v.Shape(), p.Shape) {
			return nil, fmt.Errorf("model %q: parameter %q has shape %v: want %v", m.spec.Name, p.Name, v.Shape(), p.Shape)
		}
		if err := checkDense(v); err != nil {
			return nil, fmt.Errorf("model %q: elements of parameter %q %w", m.spec.Name, p.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}
