package safetensors

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"convgraph/internal/raw"
)

// maxEntries bounds the arrays of a file, and the strings of its metadata. An array takes as little
// as 50 bytes of JSON but several hundred bytes of memory: without a bound, a header of the 100 MB
// that the format allows would take gigabytes. The largest models have some ten thousand arrays in
// a file.
const maxEntries = 1 << 16

// entry is the header's description of one array.
type entry struct {
	name       string
	kind       raw.Kind
	shape      []uint64
	begin, end uint64 // range of its bytes in the body
	err        error  // the reason why it can't become a tensor, or nil
}

// header is a file's header.
type header struct {
	entries  []entry // in the order of their bytes, then by name
	metadata map[string]string
}

// headerReader reads a header token by token. It takes memory only for the result.
type headerReader struct {
	json *jsontext.Decoder
	header
}

// readHeader reads the JSON of a header and checks it against the size of the body.
func readHeader(data []byte, body uint64) (header, error) {
	// The decoder may not check for duplicate names: it would store all names.
	r := headerReader{json: jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))}
	if err := r.object(r.entry); err != nil {
		return header{}, fmt.Errorf("header: %w", withoutPackage(err))
	}
	if _, err := r.json.ReadToken(); !errors.Is(err, io.EOF) {
		return header{}, fmt.Errorf(
			"header: byte %d: want nothing after the JSON object but spaces", r.json.InputOffset(),
		)
	}
	if err := r.checkNames(); err != nil {
		return header{}, err
	}
	slices.SortFunc(r.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	return r.header, r.checkOffsets(body)
}

// withoutPackage returns an error of the JSON decoder without the package's name.
func withoutPackage(err error) error {
	var form *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the JSON is cut off")
	case errors.As(err, &form):
		return fmt.Errorf("byte %d: %w", form.ByteOffset, form.Err)
	}
	return err
}

// object reads a JSON object; read reads each of its values.
func (r *headerReader) object(read func(name string) error) error {
	if err := r.expect('{', "an object"); err != nil {
		return err
	}
	for r.json.PeekKind() != '}' {
		name, err := r.text()
		if err != nil {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
	_, err := r.json.ReadToken()
	return err
}

func (r *headerReader) expect(kind jsontext.Kind, want string) error {
	if found := r.json.PeekKind(); found != kind && found != 0 {
		return fmt.Errorf("byte %d: got %v, want %s", r.json.InputOffset(), found, want)
	}
	_, err := r.json.ReadToken() // for kind 0 its error says why
	return err
}

func (r *headerReader) text() (string, error) {
	if found := r.json.PeekKind(); found != '"' && found != 0 {
		return "", fmt.Errorf("byte %d: got %v, want a string", r.json.InputOffset(), found)
	}
	token, err := r.json.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

// entry reads the value of one of the header's names.
func (r *headerReader) entry(name string) error {
	if name == metadataKey {
		if r.metadata != nil {
			return fmt.Errorf("%q occurs twice", metadataKey)
		}
		r.metadata = map[string]string{}
		return r.object(r.metadatum)
	}
	if len(r.entries) == maxEntries {
		return fmt.Errorf("got more than %d arrays, the largest supported number", maxEntries)
	}
	e, err := r.array(name)
	if err != nil {
		return fmt.Errorf("array %.100q: %w", name, withoutPackage(err))
	}
	r.entries = append(r.entries, e)
	return nil
}

func (r *headerReader) metadatum(key string) error {
	if _, twice := r.metadata[key]; twice {
		return fmt.Errorf("%s names %.100q twice", metadataKey, key)
	}
	if len(r.metadata) == maxEntries {
		return fmt.Errorf("got more than %d strings in %s, the largest supported number", maxEntries, metadataKey)
	}
	value, err := r.text()
	if err != nil {
		return fmt.Errorf("%s %.100q: %w", metadataKey, key, withoutPackage(err))
	}
	r.metadata[key] = value
	return nil
}

// array reads {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
func (r *headerReader) array(name string) (entry, error) {
	e := entry{name: name}
	var offsets []uint64
	count := 0
	seen := map[string]bool{}
	err := r.object(func(key string) (err error) {
		if seen[key] {
			return fmt.Errorf("%.100q occurs twice", key)
		}
		switch key {
		case "dtype":
			err = r.dtype(&e)
		case "shape":
			err = r.shape(&e)
		case "data_offsets":
			offsets, count, err = r.numbers(2)
		default:
			return fmt.Errorf("got %.100q, want dtype, shape and data_offsets", key)
		}
		seen[key] = true
		return err
	})
	if err != nil {
		return e, err
	}
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if !seen[key] {
			return e, fmt.Errorf("%s is missing", key)
		}
	}
	if count != 2 {
		return e, fmt.Errorf("got %d data_offsets, want 2", count)
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}

func (r *headerReader) dtype(e *entry) error {
	name, err := r.text()
	if err != nil {
		return err
	}
	kind, known := kinds[name]
	if !known {
		e.err = fmt.Errorf("dtype %.40q is not supported", name)
	}
	e.kind = kind
	return nil
}

func (r *headerReader) shape(e *entry) error {
	shape, count, err := r.numbers(raw.MaxDims)
	if err == nil && count > raw.MaxDims {
		e.err = fmt.Errorf("got %d dimensions, want at most %d", count, raw.MaxDims)
	}
	e.shape = shape
	return err
}

// numbers reads an array of natural numbers. It returns the first ones and the number of all.
func (r *headerReader) numbers(most int) (kept []uint64, count int, err error) {
	if err := r.expect('[', "an array"); err != nil {
		return nil, 0, err
	}
	for ; r.json.PeekKind() != ']'; count++ {
		text, err := r.json.ReadValue()
		if err != nil {
			return nil, 0, err
		}
		number, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf(
				"byte %d: got %.100s, want a natural number below 2^64", r.json.InputOffset(), text,
			)
		}
		if count < most {
			kept = append(kept, number)
		}
	}
	_, err = r.json.ReadToken()
	return kept, count, err
}

// checkNames returns an error if two arrays have the same name.
func (r *headerReader) checkNames() error {
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(r.entries); i++ {
		if r.entries[i].name == r.entries[i-1].name {
			return fmt.Errorf("header names %.100q twice", r.entries[i].name)
		}
	}
	return nil
}

// checkOffsets returns an error unless the arrays fill the whole body, one after another.
func (h header) checkOffsets(body uint64) error {
	end := uint64(0)
	for _, e := range h.entries {
		end = max(end, e.end)
	}
	switch {
	case end > body:
		return fmt.Errorf("body: got %d bytes, want %d for the arrays: cut off", body, end)
	case end < body:
		return fmt.Errorf("body: got %d bytes, want %d for the arrays: trailing bytes", body, end)
	}
	at := uint64(0)
	for _, e := range h.entries {
		if e.begin != at || e.end < e.begin {
			return fmt.Errorf("array %.100q: its data_offsets are [%d, %d], want them to begin at %d, "+
				"where the array before it ends",
				e.name, e.begin, e.end, at)
		}
		at = e.end
	}
	return nil
}
