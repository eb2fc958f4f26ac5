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

// specKey is the key of the model's spec in a parameter file's metadata.
const specKey = "convgraph.spec"

// Save writes the parameters to a safetensors file, atomically. The metadata holds the spec, so the
// file describes itself.
func (m *Model) Save(path string) error {
	arrays, metadata, err := m.described()
	if err != nil {
		return err
	}
	return safetensors.Write(path, arrays, metadata)
}

// Write writes the contents of the file of [Model.Save].
func (m *Model) Write(w io.Writer) error {
	arrays, metadata, err := m.described()
	if err != nil {
		return err
	}
	return safetensors.Encode(w, arrays, metadata)
}

// described returns the parameters as arrays, and the metadata with the spec.
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

// Load returns the model in a file of [Model.Save], with its parameters. The element type is
// float32 unless the options say otherwise. An error names the file.
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

// Read is [Load] for bytes from elsewhere: an embedded file, a request. It reads r to its end, so
// limit readers from a network (io.LimitReader, http.MaxBytesReader).
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

// fromDescribed returns the model described by a file's arrays and metadata.
func fromDescribed(arrays []formats.Array, metadata map[string]string, options []Option) (*Model, error) {
	text, ok := metadata[specKey]
	if !ok {
		return nil, fmt.Errorf("its metadata has no %q: want a parameter file written by convgraph", specKey)
	}
	spec, err := ParseSpec([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("metadata %q: %w", specKey, err)
	}
	return fromArrays(spec, arrays, options)
}

// fromArrays allocates the parameters only after the arrays are known to match them: a small file
// can declare a large model.
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

// ParameterShapes returns the parameters of a spec's model, without values.
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

// NewOf returns the model of a spec with the arrays as its parameters, by name; it draws none. The
// model takes over the arrays: those of its element type aren't copied.
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
				return nil, fmt.Errorf("model %q: element %d of parameter %q: got %g, want a number of float32",
					spec.Name, j, p.Name, v)
			}
		}
		p.Value = zeros(m.dtype, p.Shape)
		assign(p.Value, values[i])
	}
	return m, nil
}

// SetParams copies arrays into the parameters of the same names, converting the element type. Every
// parameter must be given, with its shape, and nothing else; otherwise nothing changes.
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

// match returns the arrays of all parameters, in their order.
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
			return nil, fmt.Errorf("model %q: parameter %q: got shape %v, want %v",
				m.spec.Name, p.Name, v.Shape(), p.Shape)
		}
		if err := checkDense(v); err != nil {
			return nil, fmt.Errorf("model %q: elements of parameter %q %w", m.spec.Name, p.Name, err)
		}
		values = append(values, v)
	}
	return values, nil
}
