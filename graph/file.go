package graph

import (
	"encoding/json"
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
)

// specKey is where a parameter file's metadata holds the model's spec.
const specKey = "convgraph.spec"

// Save writes the parameters as a safetensors file, whole or not at all. Its metadata holds the spec, so the file describes itself.
func (m *Model) Save(path string) error {
	spec, err := json.Marshal(m.spec)
	if err != nil {
		return fmt.Errorf("model %q: %w", m.spec.Name, err)
	}
	arrays := make([]formats.Array, len(m.params))
	for i, p := range m.params {
		arrays[i] = formats.Array{Name: p.Name, Value: p.Value}
	}
	return safetensors.Write(path, arrays, map[string]string{specKey: string(spec)})
}

// Load makes the model that a file of [Model.Save] describes, with its parameters. The element type is float32 unless the options say
// otherwise.
func Load(path string, options ...Option) (*Model, error) {
	arrays, metadata, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, ok := metadata[specKey]
	if !ok {
		return nil, fmt.Errorf("%s: its metadata has no %q: want a parameter file that convgraph wrote (see convgraph import)", path, specKey)
	}
	spec, err := ParseSpec([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: metadata %q: %w", path, specKey, err)
	}
	m, err := fromArrays(spec, arrays, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
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
	for i, p := range m.parameters() {
		m.params = append(m.params, Param{Name: p.Name, Value: zeros(m.dtype, p.Shape)})
		assign(m.params[i].Value, values[i])
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
	for _, p := range m.parameters() {
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
	for _, p := range m.parameters() {
		v := given[p.Name]
		if v == nil {
			return nil, fmt.Errorf("model %q: parameter %q is missing", m.spec.Name, p.Name)
		}
		if !v.Shape().Eq(p.Shape) {
			return nil, fmt.Errorf("model %q: parameter %q has shape %v: want %v", m.spec.Name, p.Name, v.Shape(), p.Shape)
		}
		if err := checkDense(v); err != nil {
			return nil, fmt.Errorf("model %q: elements of parameter %q %w", m.spec.Name, p.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// assign copies all elements of src into dst, which may be of another float type.
func assign(dst, src *tensor.Dense) {
	if dst.Dtype() == src.Dtype() {
		copyValues(dst, 0, src, 0, dst.Shape().TotalSize())
		return
	}
	for i, v := range float64s(src) {
		setAt(dst, i, v)
	}
}
