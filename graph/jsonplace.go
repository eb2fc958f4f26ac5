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
	whole := place{text: text, end: len(text)}
	if json.Valid(text) {
		return whole, nil
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal(text, new(json.RawMessage))
	if errors.As(err, &syntax) {
		whole.start = max(0, int(syntax.Offset)-1)
	}
	return place{}, whole.errorf("%w", err)
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

// maxFields is how many fields an object may have; every kind of layer has far fewer.
const maxFields = 100

// fields are the object's values, in order.
func (p place) fields() ([]field, error) {
	next, err := p.open('{', "an object")
	if err != nil {
		return nil, err
	}
	var fields []field
	seen := map[string]bool{}
	for p.text[next] != '}' {
		var key string
		end := p.valueEnd(next)
		if err := json.Unmarshal(p.text[next:end], &key); err != nil {
			return nil, p.errorf("%w", err)
		}
		value := p.valueAt(p.skip(end, ':'))
		if seen[key] {
			return nil, value.errorf("field %q stands there twice", key)
		}
		if len(fields) == maxFields {
			return nil, value.errorf("it has more than %d fields", maxFields)
		}
		seen[key] = true
		fields = append(fields, field{key, value})
		next = p.skip(value.end, ',')
	}
	return fields, nil
}

// elements are the list's values, in order. More than most of them are an error, which calls them what
// they are.
func (p place) elements(most int, what string) ([]place, error) {
	next, err := p.open('[', "a list")
	if err != nil {
		return nil, err
	}
	var elements []place
	for p.text[next] != ']' {
		if len(elements) == most {
			return nil, p.errorf("it has more than %d %s", most, what)
		}
		e := p.valueAt(next)
		elements = append(elements, e)
		next = p.skip(e.end, ',')
	}
	return elements, nil
}

// open is where the first thing within an object or a list begins.
func (p place) open(bracket byte, want string) (next int, err error) {
	start := p.skip(p.start, 0)
	if start >= p.end || p.text[start] != bracket {
		return 0, p.errorf("found %.20s: want %s", bytes.TrimSpace(p.raw()), want)
	}
	return p.skip(start+1, 0), nil
}

// valueAt is the value that begins at a place of the text.
func (p place) valueAt(start int) place { return place{p.text, start, p.valueEnd(start), p.within} }

// valueEnd is where the value that begins at start ends. The text's syntax is right.
func (p place) valueEnd(start int) int {
	depth, quoted := 0, false
	for i := start; i < p.end; i++ {
		c := p.text[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted && (i+1 == p.end || strings.IndexByte(",:]} \t\r\n", p.text[i+1]) >= 0) {
			return i + 1
		}
	}
	return p.end
}

// skip passes over spaces, a separator if it is there, and spaces again.
func (p place) skip(from int, separator byte) int {
	for from < p.end && (isSpace(p.text[from]) || p.text[from] == separator) {
		from++
	}
	return from
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

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
