package safetensors

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/internal/raw"
)

// metadataKey is the only name in the header that isn't an array's.
const metadataKey = "__metadata__"

var dtypes = map[raw.Kind]safetensors.DType{
	raw.F32: safetensors.F32,
	raw.F64: safetensors.F64,
	raw.I64: safetensors.I64,
}

// Encode writes arrays (float32, float64 or int64, in any memory layout) and metadata to w. The
// bytes depend only on the names, the values and the metadata: arrays are sorted by dtype, then
// name.
func Encode(w io.Writer, arrays []formats.Array, metadata map[string]string) error {
	if err := formats.CheckNames(arrays); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("safetensors: metadata %q is not valid UTF-8", key)
		}
	}
	views := make(map[string]*view, len(arrays))
	for _, a := range arrays {
		v, err := newView(a)
		if err != nil {
			return fmt.Errorf("safetensors: array %q: %w", a.Name, err)
		}
		views[a.Name] = v
	}
	if err := safetensors.SerializeToWriter(views, metadata, w); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for _, a := range arrays {
		if err := views[a.Name].err; err != nil {
			return fmt.Errorf("safetensors: array %q: %w", a.Name, err)
		}
	}
	return nil
}

// view presents one array to the library; its bytes exist only while it is written.
type view struct {
	value *tensor.Dense
	dtype safetensors.DType
	shape []uint64
	bytes int
	err   error
}

func newView(a formats.Array) (*view, error) {
	if a.Name == metadataKey {
		return nil, fmt.Errorf("the format reserves this name for its metadata")
	}
	if !utf8.ValidString(a.Name) {
		return nil, fmt.Errorf("the name is not valid UTF-8")
	}
	kind, err := raw.KindOf(a.Value)
	if err != nil {
		return nil, err
	}
	size, err := raw.Bytes(kind, a.Value.Shape())
	if err != nil {
		return nil, err
	}
	shape := make([]uint64, a.Value.Dims())
	for i, dim := range a.Value.Shape() {
		shape[i] = uint64(dim)
	}
	return &view{value: a.Value, dtype: dtypes[kind], shape: shape, bytes: size}, nil
}

func (v *view) DType() safetensors.DType { return v.dtype }
func (v *view) Shape() []uint64          { return v.shape }
func (v *view) DataLen() uint64          { return uint64(v.bytes) }

// Data stores an error for Encode to report, because the library's interface can't return one.
func (v *view) Data() []byte {
	data, err := raw.AppendLittleEndian(make([]byte, 0, v.bytes), v.value)
	v.err = err
	return data
}
