package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/internal/wholefile"
)

// header is a spec's JSON without its layers.
type header struct {
	Schema     string       `json:"$schema,omitempty"` // for editors; it isn't kept
	Name       string       `json:"name"`
	Input      tensor.Shape `json:"input"`
	Init       Init         `json:"init,omitzero"`
	ClassNames []string     `json:"class_names,omitempty"`
}

// MarshalJSON writes the spec in the form [ParseSpec] reads.
func (s *Spec) MarshalJSON() ([]byte, error) {
	if s == nil {
		return nil, errNilSpec
	}
	layers := make([]json.RawMessage, len(s.Layers))
	for i, l := range s.Layers {
		kind := Kind(l)
		if kind == "" {
			return nil, fmt.Errorf("layer %d is a %T: only this package's layers have a form in JSON", i+1, l)
		}
		fields, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("layer %d (%v): %w", i+1, l, err)
		}
		layers[i] = withKind(kind, fields)
	}
	return json.Marshal(struct {
		header
		Layers []json.RawMessage `json:"layers"`
	}{header{Name: s.Name, Input: s.Input, Init: s.Init, ClassNames: s.ClassNames}, layers})
}

// withKind puts the kind in front of a layer's own fields.
func withKind(kind string, fields []byte) []byte {
	head := fmt.Sprintf(`{"kind":%q`, kind)
	if rest := bytes.TrimPrefix(fields, []byte("{")); len(rest) > 1 {
		return append([]byte(head+","), rest...)
	}
	return []byte(head + "}")
}

// UnmarshalJSON reads the form that MarshalJSON writes; see [ParseSpec].
func (s *Spec) UnmarshalJSON(data []byte) error {
	if s == nil {
		return errNilSpec
	}
	parsed, err := ParseSpec(data)
	if err != nil {
		return err
	}
	*s = *parsed
	return nil
}

// ParseSpec reads a spec's JSON:
//
//	{"name": "mine", "input": [1, 28, 28], "init": "he",
//	 "layers": [{"kind": "conv2d", "filters": 8, "kernel": 5}, {"kind": "relu"}, …, {"kind": "softmax"}]}
//
// A "$schema", by which an editor finds the JSON Schema, is passed over. An unknown kind or field, a field that stands there twice, or a
// value of the wrong type is an error that names the line, and the layer if it is in one. Whether the shapes fit is for [New] to say, or for
// [LoadSpec].
func ParseSpec(data []byte) (*Spec, error) {
	whole, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	fields, err := whole.fields()
	if err != nil {
		return nil, err
	}
	var h header
	var layers []Layer
	for _, f := range fields {
		if f.key == "layers" {
			layers, err = parseLayers(f.place)
		} else {
			err = f.decode(&h)
		}
		if err != nil {
			return nil, err
		}
	}
	return &Spec{Name: h.Name, Input: h.Input, Init: h.Init, Layers: layers, ClassNames: h.ClassNames}, nil
}

// LoadSpec reads the spec in a JSON file as [ParseSpec] does, and wants a network that [New] can make. Errors begin with the file and the
// line: `mine.json:12: layer 4 "fc1" (…): …`.
func LoadSpec(path string) (*Spec, error) {
	data, err := wholefile.Read(path)
	if err != nil {
		return nil, err
	}
	spec, err := ParseSpec(data)
	if err == nil {
		_, err = spec.stages()
	}
	return spec, atLine(path, data, err)
}

// atLine puts a file's name and line in front of what is wrong with the spec in it.
func atLine(path string, data []byte, err error) error {
	var syntax *lineError
	var unfit *misfit
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: %w", path, syntax.line, syntax.err)
	case errors.As(err, &unfit):
		return fmt.Errorf("%s:%d: %w", path, unfit.line(data), unfit.err)
	}
	return err
}

// line is where the misfit stands in the JSON of its spec; what is left out would stand on the first.
func (e *misfit) line(data []byte) int {
	fields, _ := place{text: data, end: len(data)}.fields() // it has been parsed before
	for _, f := range fields {
		if !strings.EqualFold(f.key, e.field) { // as encoding/json has it
			continue
		}
		if e.layer == 0 {
			return f.line()
		}
		layers, _ := f.elements()
		return layers[e.layer-1].line()
	}
	return 1
}

func parseLayers(list place) ([]Layer, error) {
	elements, err := list.elements()
	if err != nil {
		return nil, err
	}
	var layers []Layer
	for i, e := range elements {
		e.within = fmt.Sprintf("layer %d: ", i+1)
		layer, err := parseLayer(e)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

func parseLayer(object place) (Layer, error) {
	fields, err := object.fields()
	if err != nil {
		return nil, err
	}
	layer, err := layerOfKind(object, fields)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if f.key == "kind" {
			continue
		}
		if err := f.decode(layer.Interface()); err != nil {
			return nil, err
		}
	}
	return layer.Elem().Interface().(Layer), nil
}

// layerOfKind points to a new layer of the kind that the object names.
func layerOfKind(object place, fields []field) (reflect.Value, error) {
	var names []string
	for _, k := range kinds {
		names = append(names, k.kind)
	}
	want := strings.Join(names, ", ")
	for _, f := range fields {
		if f.key != "kind" {
			continue
		}
		for _, k := range kinds {
			if string(f.raw()) == `"`+k.kind+`"` {
				return reflect.New(reflect.TypeOf(k.layer)), nil
			}
		}
		return reflect.Value{}, f.errorf("kind %.40s is unknown: want one of %s", f.raw(), want)
	}
	return reflect.Value{}, object.errorf(`it has no "kind": want one of %s`, want)
}
