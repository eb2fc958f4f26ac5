package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"gorgonia.org/tensor"
)

// header is a spec's JSON without its layers.
type header struct {
	Name   string            `json:"name"`
	Input  tensor.Shape      `json:"input"`
	Init   Init              `json:"init,omitzero"`
	Layers []json.RawMessage `json:"layers"`
}

// MarshalJSON writes the spec in the form [ParseSpec] reads.
func (s *Spec) MarshalJSON() ([]byte, error) {
	h := header{Name: s.Name, Input: s.Input, Init: s.Init}
	for _, l := range s.Layers {
		fields, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("layer %v: %w", l, err)
		}
		kind := Kind(l)
		if kind == "" {
			return nil, fmt.Errorf("layer %v is a %T: only this package's layers have a form in JSON", l, l)
		}
		h.Layers = append(h.Layers, withKind(kind, fields))
	}
	return json.Marshal(h)
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
// An unknown kind or field, or a value of the wrong type, is an error that names the line, and the layer if it is in one. Whether the
// shapes fit is for [New] to say.
func ParseSpec(data []byte) (*Spec, error) {
	var h header
	if err := decodeStrict(data, &h); err != nil {
		return nil, atLine(data, 0, err)
	}
	s := &Spec{Name: h.Name, Input: h.Input, Init: h.Init}
	from := 0
	for i, raw := range h.Layers {
		start := from + bytes.Index(data[from:], raw)
		from = start + len(raw)
		layer, err := parseLayer(raw)
		if err != nil {
			return nil, atLine(data, start, fmt.Errorf("layer %d: %w", i+1, err))
		}
		s.Layers = append(s.Layers, layer)
	}
	return s, nil
}

func parseLayer(raw []byte) (Layer, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	var kind string
	if err := json.Unmarshal(fields["kind"], &kind); err != nil {
		return nil, fmt.Errorf(`no "kind": want one of %s`, kindNames())
	}
	delete(fields, "kind")
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.kind != kind {
			continue
		}
		layer := reflect.New(reflect.TypeOf(k.layer))
		if err := decodeStrict(rest, layer.Interface()); err != nil {
			return nil, fmt.Errorf("%s: %w", kind, plain(err))
		}
		return layer.Elem().Interface().(Layer), nil
	}
	return nil, fmt.Errorf("kind %q is unknown: want one of %s", kind, kindNames())
}

func kindNames() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.kind)
	}
	return strings.Join(names, ", ")
}

func decodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the end of the spec")
	}
	return nil
}

// atLine puts the line in front of an error: that of the error itself if it knows its offset, else that of the given offset.
func atLine(data []byte, offset int, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = int(syntax.Offset)
	case errors.As(err, &mistyped):
		offset = int(mistyped.Offset)
	}
	offset = min(max(offset, 0), len(data))
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:offset], []byte("\n")), plain(err))
}

// plain says what a JSON error means to somebody who wrote the file, not to somebody who wrote this program.
func plain(err error) error {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fmt.Errorf("%q is a %s: want a %s", mistyped.Field, mistyped.Value, mistyped.Type)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
