package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sort"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"

	"convgraph/formats"
	"convgraph/internal/raw"
)

// maxHeader is the format's own limit on the JSON header.
const maxHeader = 100_000_000

var kinds = map[safetensors.DType]raw.Kind{
	safetensors.BOOL: raw.Bool,
	safetensors.I8:   raw.I8,
	safetensors.U8:   raw.U8,
	safetensors.I16:  raw.I16,
	safetensors.U16:  raw.U16,
	safetensors.I32:  raw.I32,
	safetensors.U32:  raw.U32,
	safetensors.I64:  raw.I64,
	safetensors.U64:  raw.U64,
	safetensors.F16:  raw.F16,
	safetensors.BF16: raw.BF16,
	safetensors.F32:  raw.F32,
	safetensors.F64:  raw.F64,
}

// Decode reads the bytes of a whole file: the arrays in the order of their
// data, and the file's metadata (nil when it has none). F16, BF16 and F32
// arrays become float32, F64 float64, integers and BOOL int64. An array of
// another type has an Err. The arrays do not refer to data afterwards.
func Decode(data []byte) (arrays []formats.Array, metadata map[string]string, err error) {
	if err := checkFrame(data); err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	size, header, err := safetensors.ReadMetadata(data)
	var unknown map[string]string
	if err != nil {
		if data, unknown = withoutUnknown(data); len(unknown) > 0 {
			size, header, err = safetensors.ReadMetadata(data)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: header: %w", err)
	}
	body := data[8+size:]
	for _, entry := range sorted(header) {
		if dtype, ok := unknown[entry.Name]; ok {
			arrays = append(arrays, formats.Array{Name: entry.Name, Err: fmt.Errorf("dtype %.40q is not supported", dtype)})
			continue
		}
		array, err := decodeArray(entry, body)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: array %q: %w", entry.Name, err)
		}
		arrays = append(arrays, array)
	}
	if err := formats.FirstUnreadable(arrays); err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	return arrays, header.Metadata(), nil
}

// withoutUnknown is the file with arrays of unknown dtypes declared as bytes,
// so that the library reads the others, and these dtypes by the arrays' names.
func withoutUnknown(data []byte) (replaced []byte, unknown map[string]string) {
	size := 8 + binary.LittleEndian.Uint64(data)
	var entries map[string]json.RawMessage
	if json.Unmarshal(data[8:size], &entries) != nil {
		return data, nil
	}
	unknown = map[string]string{}
	for name, text := range entries {
		var info struct {
			DType       string    `json:"dtype"`
			DataOffsets [2]uint64 `json:"data_offsets"`
		}
		if name == "__metadata__" || json.Unmarshal(text, &info) != nil {
			continue
		}
		if _, err := safetensors.ParseDType(info.DType); err == nil {
			continue
		}
		unknown[name] = info.DType
		begin, end := info.DataOffsets[0], info.DataOffsets[1]
		entries[name] = fmt.Appendf(nil, `{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}`, end-begin, begin, end)
	}
	header, err := json.Marshal(entries)
	if err != nil {
		return data, nil
	}
	replaced = binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(replaced, header...), data[size:]...), unknown
}

// checkFrame holds the header's length against the file's, and its JSON
// against what the library does not look for, a name that stands twice, or
// says in fewer words, a file cut off.
func checkFrame(data []byte) error {
	if len(data) < 8 {
		return fmt.Errorf("expected 8 bytes of header length, found a file of %d bytes", len(data))
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader || size > uint64(len(data)-8) {
		return fmt.Errorf("header of %d bytes announced, %d bytes follow (at most %d allowed): not a safetensors file, or cut off", size, len(data)-8, maxHeader)
	}
	header := data[8 : 8+size]
	if len(header) == 0 || header[0] != '{' {
		return fmt.Errorf("expected a JSON object at byte 8, found %.20q: not a safetensors file", header)
	}
	if !utf8.Valid(header) {
		return fmt.Errorf("header is not valid UTF-8")
	}
	if name, dup := repeatedKey(header); dup {
		return fmt.Errorf("header names %q twice", name)
	}
	return checkSize(header, uint64(len(data))-8-size)
}

// checkSize holds what the header's arrays take against the bytes that follow it. A header that says it in another form is left to the
// parser.
func checkSize(header []byte, body uint64) error {
	var arrays map[string]struct {
		DataOffsets [2]uint64 `json:"data_offsets"`
	}
	if json.Unmarshal(header, &arrays) != nil {
		return nil
	}
	var end uint64
	for _, a := range arrays {
		end = max(end, a.DataOffsets[1])
	}
	switch {
	case end > body:
		return fmt.Errorf("the arrays take %d bytes, %d follow the header: cut off", end, body)
	case end < body:
		return fmt.Errorf("the arrays take %d bytes, %d follow the header: other bytes stand behind them", end, body)
	}
	return nil
}

// repeatedKey returns the first key that stands twice in the outermost JSON
// object. Broken JSON is left to the parser, which says more about it.
func repeatedKey(header []byte) (key string, dup bool) {
	decoder := json.NewDecoder(bytes.NewReader(header))
	if _, err := decoder.Token(); err != nil {
		return "", false
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return "", false
		}
		if seen[name] {
			return name, true
		}
		seen[name] = true
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return "", false
		}
	}
	return "", false
}

// sorted lists the header's entries by offset, then name, so that the result
// does not depend on Go's map order.
func sorted(header safetensors.Metadata) []safetensors.NamedTensorInfo {
	entries := make([]safetensors.NamedTensorInfo, 0, len(header.Tensors()))
	for name, info := range header.Tensors() {
		entries = append(entries, safetensors.NamedTensorInfo{Name: name, TensorInfo: *info})
	}
	sort.Slice(entries, func(i, j int) bool {
		a, b := &entries[i], &entries[j]
		if a.TensorInfo.DataOffsets[0] != b.TensorInfo.DataOffsets[0] {
			return a.TensorInfo.DataOffsets[0] < b.TensorInfo.DataOffsets[0]
		}
		return a.Name < b.Name
	})
	return entries
}

func decodeArray(entry safetensors.NamedTensorInfo, body []byte) (formats.Array, error) {
	info := entry.TensorInfo
	kind, ok := kinds[info.DType]
	if !ok {
		return formats.Array{}, fmt.Errorf("dtype %v is not supported", info.DType)
	}
	size, err := raw.Bytes(kind, info.Shape)
	if err != nil {
		return formats.Array{Name: entry.Name, Err: err}, nil
	}
	begin, end := info.DataOffsets[0], info.DataOffsets[1]
	if begin > end || end > uint64(len(body)) || end-begin != uint64(size) {
		return formats.Array{}, fmt.Errorf("shape %v of %s takes %d bytes, its data_offsets are [%d, %d] of %d bytes", info.Shape, kind, size, begin, end, len(body))
	}
	shape := make([]int, len(info.Shape))
	for i, dim := range info.Shape {
		shape[i] = int(dim) // raw.Bytes has seen that the product fits
	}
	value, err := raw.Dense(kind, raw.Layout{Order: binary.LittleEndian}, shape, body[begin:end])
	return formats.Array{Name: entry.Name, Value: value}, err
}
