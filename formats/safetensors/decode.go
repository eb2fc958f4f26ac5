package safetensors

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"convgraph/formats"
	"convgraph/internal/raw"
)

// maxHeader is the format's own limit on the JSON header.
const maxHeader = 100_000_000

// kinds maps the dtypes that are read.
var kinds = map[string]raw.Kind{
	"BOOL": raw.Bool,
	"I8":   raw.I8,
	"U8":   raw.U8,
	"I16":  raw.I16,
	"U16":  raw.U16,
	"I32":  raw.I32,
	"U32":  raw.U32,
	"I64":  raw.I64,
	"U64":  raw.U64,
	"F16":  raw.F16,
	"BF16": raw.BF16,
	"F32":  raw.F32,
	"F64":  raw.F64,
}

// Decode reads the bytes of a whole file: the arrays in the order of their data, and the file's
// metadata (nil if it has none). F16, BF16 and F32 arrays become float32, F64 float64, integers and
// BOOL int64. An array of another type has an Err. The arrays don't share memory with data.
func Decode(data []byte) (arrays []formats.Array, metadata map[string]string, err error) {
	text, body, err := split(data)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	header, err := readHeader(text, uint64(len(body)))
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	for _, e := range header.entries {
		array, err := decodeArray(e, body)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: array %.100q: %w", e.name, err)
		}
		arrays = append(arrays, array)
	}
	if err := formats.FirstUnreadable(arrays); err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	return arrays, header.metadata, nil
}

// split returns the header's JSON and the body after it.
func split(data []byte) (header, body []byte, err error) {
	if len(data) < 8 {
		return nil, nil, fmt.Errorf("got a file of %d bytes, want 8 bytes of header length", len(data))
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader || size > uint64(len(data)-8) {
		return nil, nil, fmt.Errorf("header length: got %d, want at most %d: not a safetensors file, or cut off",
			size, min(len(data)-8, maxHeader))
	}
	header, body = data[8:8+size], data[8+size:]
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, fmt.Errorf("byte 8: got %.20q, want a JSON object: not a safetensors file", header)
	}
	if !utf8.Valid(header) {
		return nil, nil, fmt.Errorf("header is not valid UTF-8")
	}
	return header, body, nil
}

func decodeArray(e entry, body []byte) (formats.Array, error) {
	size, err := 0, e.err
	if err == nil {
		size, err = raw.Bytes(e.kind, e.shape)
	}
	if err != nil {
		return formats.Array{Name: e.name, Err: err}, nil
	}
	if e.end-e.begin != uint64(size) {
		return formats.Array{}, fmt.Errorf(
			"data_offsets: got [%d, %d], want %d bytes for shape %v of %s", e.begin, e.end, size, e.shape, e.kind,
		)
	}
	shape := make([]int, len(e.shape))
	for i, dim := range e.shape {
		shape[i] = int(dim) // raw.Bytes has checked that the product fits
	}
	value, err := raw.Dense(e.kind, raw.Layout{Order: binary.LittleEndian}, shape, body[e.begin:e.end])
	return formats.Array{Name: e.name, Value: value}, err
}
