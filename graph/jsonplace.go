package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// A place is a value in a JSON text. It knows where it stands, so that errors about it name the line.
type place struct {
	text       []byte // all of it
	start, end int    // of the value
	within     string // "layer 3: " in front of errors
}

// A field is an object's value with its key.
type field struct {
	key string
	place
}

// parseJSON is the one value of a text whose syntax is right.
func parseJSON(text []byte) (place, error) {
	var syntax *json.SyntaxError
	whole := place{text: text, end: len(text)}
	err := json.Unmarshal(text, new(json.RawMessage))
	if errors.As(err, &syntax) {
		whole.start = max(0, int(syntax.Offset)-1)
	}
	if err != nil {
		return place{}, whole.errorf("%w", err)
	}
	return whole, nil
}

// A lineError is what is wrong at a line of a JSON text.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// errorf makes a *lineError.
func (p place) errorf(format string, args ...any) error {
	return &lineError{p.line(), fmt.Errorf("%s%w", p.within, fmt.Errorf(format, args...))}
}

func (p place) line() int { return 1 + bytes.Count(p.text[:p.start], []byte("\n")) }

func (p place) raw() []byte { return p.text[p.start:p.end] }

// fields are the object's values, in order.
func (p place) fields() ([]field, error) {
	d, err := p.open('{', "an object")
	if err != nil {
		return nil, err
	}
	var fields []field
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, p.errorf("%w", err)
		}
		value, err := p.next(d)
		if err != nil {
			return nil, err
		}
		key := fmt.Sprint(token)
		if seen[key] {
			return nil, value.errorf("field %q stands there twice", key)
		}
		seen[key] = true
		fields = append(fields, field{key, value})
	}
	return fields, nil
}

// elements are the array's values, in order.
func (p place) elements() ([]place, error) {
	d, err := p.open('[', "a list")
	if err != nil {
		return nil, err
	}
	var elements []place
	for d.More() {
		e, err := p.next(d)
		if err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

func (p place) open(delimiter json.Delim, want string) (*json.Decoder, error) {
	d := json.NewDecoder(bytes.NewReader(p.raw()))
	if token, err := d.Token(); err != nil || token != delimiter {
		return nil, p.errorf("found %.20s: want %s", bytes.TrimSpace(p.raw()), want)
	}
	return d, nil
}

// next is the place of the decoder's next value; the decoder reads p.
func (p place) next(d *json.Decoder) (place, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return place{}, p.errorf("%w", err)
	}
	end := p.start + int(d.InputOffset())
	return place{p.text, end - len(raw), end, p.within}, nil
}

// decode reads the field into a struct that must have it.
func (f field) decode(into any) error {
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

// explain says what a decoder's error means to somebody who wrote the file, not to somebody who wrote this program.
func (f field) explain(err error) error {
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped):
		return f.errorf("%q: found %.40s, want %s", f.key, mistyped.Value, typeInWords(mistyped.Type))
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
