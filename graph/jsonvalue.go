package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// This file keeps the byte offsets that a jsontext decoder reports, so that an error about a spec
// names the line. The decoder is the module's: the standard library's encoding/json/jsontext needs
// GOEXPERIMENT=jsonv2 in Go 1.26, and encoding/json's own decoder copies the text several times.

// A jsonValue is a value in a JSON text, with its position there.
type jsonValue struct {
	text       []byte // the whole text
	start, end int    // of the value, in bytes
	within     string // prefix of errors: "layer 3: "
}

// A jsonField is a value in an object, with its key.
type jsonField struct {
	key string
	jsonValue
}

// parseJSON returns the one value of a text, or a *lineError if its syntax is wrong.
func parseJSON(text []byte) (jsonValue, error) {
	whole := jsonValue{text: text, end: len(text)}
	if json.Valid(text) {
		return whole, nil
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal(text, new(json.RawMessage))
	if errors.As(err, &syntax) {
		whole.start = max(0, int(syntax.Offset)-1)
	}
	return jsonValue{}, whole.errorf("%w", err)
}

// A lineError is an error at a line of a JSON text.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// errorf makes a *lineError.
func (v jsonValue) errorf(format string, args ...any) error {
	return &lineError{v.line(), fmt.Errorf("%s%w", v.within, fmt.Errorf(format, args...))}
}

func (v jsonValue) line() int { return 1 + bytes.Count(v.text[:v.start], []byte("\n")) }

func (v jsonValue) raw() []byte { return v.text[v.start:v.end] }

// maxFields is the largest number of fields in an object. Every kind of layer has far fewer.
const maxFields = 100

// fields returns the object's fields, in order.
func (v jsonValue) fields() ([]jsonField, error) {
	d, err := v.open('{', "an object")
	if err != nil {
		return nil, err
	}
	var fields []jsonField
	seen := map[string]bool{}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return nil, v.errorf("%w", err)
		}
		f := jsonField{key: key.String()}
		if f.jsonValue, err = v.next(d); err != nil {
			return nil, err
		}
		if seen[f.key] {
			return nil, f.errorf("field %q is there twice", f.key)
		}
		if len(fields) == maxFields {
			return nil, f.errorf("got more than %d fields", maxFields)
		}
		seen[f.key] = true
		fields = append(fields, f)
	}
	return fields, nil
}

// elements returns the list's values, in order. More than most of them are an error, which calls
// them what.
func (v jsonValue) elements(most int, what string) ([]jsonValue, error) {
	d, err := v.open('[', "a list")
	if err != nil {
		return nil, err
	}
	var elements []jsonValue
	for d.PeekKind() != ']' {
		if len(elements) == most {
			return nil, v.errorf("got more than %d %s", most, what)
		}
		e, err := v.next(d)
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// open returns a decoder after the opening bracket of an object or a list. It accepts what
// encoding/json accepts; [jsonValue.fields] itself reports a key that is there twice.
func (v jsonValue) open(bracket jsontext.Kind, want string) (*jsontext.Decoder, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(v.raw()),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if token, err := d.ReadToken(); err != nil || token.Kind() != bracket {
		return nil, v.errorf("got %.20s, want %s", bytes.TrimSpace(v.raw()), want)
	}
	return d, nil
}

// next reads the next value inside v.
func (v jsonValue) next(d *jsontext.Decoder) (jsonValue, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return jsonValue{}, v.errorf("%w", err)
	}
	end := v.start + int(d.InputOffset())
	return jsonValue{v.text, end - len(raw), end, v.within}, nil
}

// decode reads the field into a struct that must have it.
func (f jsonField) decode(into any) error {
	object, err := json.Marshal(map[string]json.RawMessage{f.key: f.raw()})
	if err != nil {
		return f.errorf("%q: %w", f.key, err)
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return f.explain(err)
	}
	return nil
}

// explain rewrites a decoder's error for the author of the file, who doesn't know our Go types.
func (f jsonField) explain(err error) error {
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped):
		return f.errorf("%q: got %.40s, want %s", f.key, mistyped.Value, typeInWords(mistyped.Type))
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return f.errorf("field %q is unknown", f.key)
	}
	return f.errorf("%q: %w", f.key, err)
}

func typeInWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return t.String()
}
