package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/internal/file"
	"convgraph/picture"
)

// A header is a spec's JSON without its layers.
type header struct {
	Schema     string                 `json:"$schema,omitempty"` // for editors; ignored
	Name       string                 `json:"name"`
	Input      tensor.Shape           `json:"input"`
	Init       Init                   `json:"init,omitzero"`
	Loss       Loss                   `json:"loss,omitempty"`
	Preprocess *picture.Preprocessing `json:"preprocess,omitempty"`
	ClassNames []string               `json:"class_names,omitempty"`
}

// MarshalJSON writes the form that [ParseSpec] reads.
func (s *Spec) MarshalJSON() ([]byte, error) {
	if s == nil {
		return nil, errNilSpec
	}
	layers := make([]json.RawMessage, len(s.Layers))
	for i, l := range s.Layers {
		object, err := marshalLayer(l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		layers[i] = object
	}
	h := header{
		Name: s.Name, Input: s.Input, Init: s.Init, Loss: s.Loss, Preprocess: s.Preprocess, ClassNames: s.ClassNames,
	}
	return json.Marshal(struct {
		header
		Layers []json.RawMessage `json:"layers"`
	}{h, layers})
}

func marshalLayer(l Layer) (json.RawMessage, error) {
	kind := Kind(l)
	layer, from := Reads(l)
	if kind == "" {
		return nil, fmt.Errorf("got a %T: only this package's layers have a form in JSON", layer)
	}
	fields, err := json.Marshal(layer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Code(layer), err)
	}
	if from == nil {
		return withFields(fmt.Sprintf(`"kind":%q`, kind), fields), nil
	}
	reads, err := json.Marshal(reads(from))
	return withFields(fmt.Sprintf(`"kind":%q,"from":%s`, kind, reads), fields), err
}

// reads are the names of what a layer reads. In JSON they are a list, or a single name.
type reads []string

// MarshalJSON writes a single name without a list.
func (r reads) MarshalJSON() ([]byte, error) {
	if len(r) == 1 {
		return json.Marshal(r[0])
	}
	return json.Marshal([]string(r))
}

// UnmarshalJSON reads a name or a list of names.
func (r *reads) UnmarshalJSON(data []byte) error {
	var name string
	var names []string
	if string(data) != "null" && json.Unmarshal(data, &name) == nil {
		*r = reads{name}
		return nil
	}
	if err := json.Unmarshal(data, &names); err != nil || names == nil {
		return fmt.Errorf("%.40s: want a layer's name, or a list of names", data)
	}
	*r = names
	return nil
}

// withFields inserts fields before an object's own.
func withFields(more string, object []byte) []byte {
	head := "{" + more
	if rest := bytes.TrimPrefix(object, []byte("{")); len(rest) > 1 {
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

// ParseSpec parses a spec's JSON:
//
//	{"name": "mine", "input": [1, 28, 28], "init": "he",
//	 "layers": [{"kind": "conv2d", "filters": 8, "kernel": 5}, {"kind": "relu"}, …]}
//
// A layer reads the one before it, or the layers in its "from": "from": "relu1", or for a join
// "from": ["bn2", "relu1"]; "input" is the network's input.
//
// A "$schema", by which an editor finds the JSON Schema, is ignored. An unknown kind or field, a
// repeated field, or a value of the wrong type is an error that names the line, and the layer if it
// is in one. ParseSpec doesn't check that the shapes fit: [New] and [LoadSpec] do.
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
			layers, err = parseLayers(f.jsonValue)
		} else {
			err = f.decode(&h)
		}
		if err != nil {
			return nil, err
		}
	}
	return &Spec{
		Name: h.Name, Input: h.Input, Init: h.Init, Layers: layers,
		Loss: h.Loss, Preprocess: h.Preprocess, ClassNames: h.ClassNames,
	}, nil
}

// LoadSpec reads a spec from a JSON file like [ParseSpec], and checks that [New] accepts it. Errors
// begin with the file and the line: `mine.json:12: layer 4 "fc1" (…): …`.
func LoadSpec(path string) (*Spec, error) {
	data, err := file.ReadText(path)
	if err != nil {
		return nil, err
	}
	spec, err := ParseSpec(data)
	if err == nil {
		_, err = declare(spec, nil)
	}
	return spec, atLine(path, data, err)
}

// atLine puts the file's name and the line in front of an error about a spec.
func atLine(path string, data []byte, err error) error {
	var syntax *lineError
	var spec *SpecError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: %w", path, syntax.line, syntax.err)
	case errors.As(err, &spec):
		return fmt.Errorf("%s:%d: %w", path, spec.line(data), spec.Err)
	}
	return err
}

// line returns the line of the error in the spec's JSON, or 1 for a field that the JSON leaves out.
func (e *SpecError) line(data []byte) int {
	fields, _ := jsonValue{text: data, end: len(data)}.fields() // the text was parsed before
	for _, f := range fields {
		if !strings.EqualFold(f.key, e.Field) { // like encoding/json
			continue
		}
		if e.Layer == 0 {
			return f.line()
		}
		layers, _ := f.elements(maxLayers, "layers")
		return layers[e.Layer-1].line()
	}
	return 1
}

func parseLayers(list jsonValue) ([]Layer, error) {
	elements, err := list.elements(maxLayers, "layers")
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

func parseLayer(object jsonValue) (Layer, error) {
	fields, err := object.fields()
	if err != nil {
		return nil, err
	}
	layer, err := layerOfKind(object, fields)
	if err != nil {
		return nil, err
	}
	var position struct {
		From reads `json:"from"`
	}
	for _, f := range fields {
		switch f.key {
		case "kind":
			continue
		case "from":
			err = f.decode(&position)
		default:
			err = f.decode(layer.Interface())
		}
		if err != nil {
			return nil, err
		}
	}
	parsed := layer.Elem().Interface().(Layer)
	if position.From == nil {
		return parsed, nil
	}
	return From(parsed, position.From...), nil
}

// layerOfKind returns a pointer to a new layer of the object's kind.
func layerOfKind(object jsonValue, fields []jsonField) (reflect.Value, error) {
	want := strings.Join(Kinds(), ", ")
	for _, f := range fields {
		if f.key != "kind" {
			continue
		}
		for _, k := range kinds {
			if string(f.raw()) == `"`+k.name+`"` {
				return reflect.New(reflect.TypeOf(k.layer)), nil
			}
		}
		return reflect.Value{}, f.errorf("kind %.40s is unknown: want one of %s", f.raw(), want)
	}
	return reflect.Value{}, object.errorf(`it has no "kind": want one of %s`, want)
}
