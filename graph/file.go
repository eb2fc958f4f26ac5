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
	m, err := New(spec, options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := m.SetParams(arrays); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// SetParams copies arrays into the parameters of the same names, converting the element type. Every parameter must be there, in its
// shape, and nothing else; otherwise nothing is changed.
func (m *Model) SetParams(arrays []formats.Array) error {
	for _, a := range arrays {
		if _, err := m.Param(a.Name); err != nil {
			return err
		}
	}
	values := make([]*tensor.Dense, len(m.params))
	for i, p := range m.params {
		a, ok := formats.Find(arrays, p.Name)
		if !ok {
			return fmt.Errorf("model %q: parameter %q is missing", m.spec.Name, p.Name)
		}
		if !a.Value.Shape().Eq(p.Value.Shape()) {
			return fmt.Errorf("model %q: parameter %q has shape %v: want %v", m.spec.Name, p.Name, a.Value.Shape(), p.Value.Shape())
		}
		if dt := a.Value.Dtype(); dt != tensor.Float32 && dt != tensor.Float64 {
			return fmt.Errorf("model %q: parameter %q is %v: want a float type", m.spec.Name, p.Name, dt)
		}
		values[i] = a.Value
	}
	for i, p := range m.params {
		assign(p.Value, values[i])
	}
	return nil
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
