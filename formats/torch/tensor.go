package torch

import (
	"encoding/binary"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
	"gorgonia.org/tensor"

	"convgraph/formats/internal/unpickle"
	"convgraph/internal/raw"
)

// storageClass is one of torch.FloatStorage and its siblings. It represents only the element type;
// the bytes are elsewhere in the file.
type storageClass raw.Kind

// unreadSizes holds the size of an element of storages that aren't read: the reader of the older
// form must skip them.
var unreadSizes = map[string]int{
	"torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16,
	"torch.QInt8Storage": 1, "torch.QUInt8Storage": 1, "torch.QInt32Storage": 4,
}

func classes() map[string]any {
	return map[string]any{
		"torch.BoolStorage":               storageClass(raw.Bool),
		"torch.CharStorage":               storageClass(raw.I8),
		"torch.ByteStorage":               storageClass(raw.U8),
		"torch.ShortStorage":              storageClass(raw.I16),
		"torch.IntStorage":                storageClass(raw.I32),
		"torch.LongStorage":               storageClass(raw.I64),
		"torch.HalfStorage":               storageClass(raw.F16),
		"torch.BFloat16Storage":           storageClass(raw.BF16),
		"torch.FloatStorage":              storageClass(raw.F32),
		"torch.DoubleStorage":             storageClass(raw.F64),
		"torch._utils._rebuild_tensor":    unpickle.Function(rebuildTensor),
		"torch._utils._rebuild_tensor_v2": unpickle.Function(rebuildTensor),
		"torch._utils._rebuild_parameter": unpickle.Function(rebuildParameter),
		unpickle.OrderedDict:              &types.OrderedDictClass{},
	}
}

// storage is a run of elements that tensors are views of.
type storage struct {
	key   string
	kind  raw.Kind          // raw.Invalid if it isn't read
	class *unpickle.Unknown // of a storage that isn't read
	count int
	order binary.ByteOrder
	data  []byte // count elements, after load
}

// size returns the number of bytes of one element; 0 if unknown.
func (s *storage) size() int {
	if s.class != nil {
		return unreadSizes[s.class.Class]
	}
	return s.kind.Size()
}

// view is a tensor: a strided view of a storage. Strides and offset count elements.
type view struct {
	storage        *storage
	offset         int
	shape, strides []int
	lazy           bool // stored negated or conjugated
}

var _ unpickle.Lazy = (*view)(nil)

// rebuildTensor is torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad,
// hooks, metadata); the older _rebuild_tensor has only the first four arguments.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 4 || len(args) > 7 {
		return nil, fmt.Errorf("_rebuild_tensor_v2: got %d, want 4 to 7 arguments", len(args))
	}
	store, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("_rebuild_tensor_v2: got %T, want a storage", args[0])
	}
	offset, ok := args[1].(int)
	if !ok {
		return nil, fmt.Errorf("_rebuild_tensor_v2: got %T, want an offset", args[1])
	}
	shape, err := unpickle.Ints(args[2])
	if err != nil {
		return nil, fmt.Errorf("_rebuild_tensor_v2: size: %w", err)
	}
	strides, err := unpickle.Ints(args[3])
	if err != nil {
		return nil, fmt.Errorf("_rebuild_tensor_v2: stride: %w", err)
	}
	return &view{store, offset, shape, strides, len(args) == 7 && !isEmpty(args[6])}, nil
}

func isEmpty(metadata any) bool {
	dict, ok := metadata.(*types.Dict)
	return metadata == nil || ok && dict.Len() == 0
}

// rebuildParameter is torch._utils._rebuild_parameter(tensor, requires_grad, hooks).
func rebuildParameter(args []any) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("_rebuild_parameter: got %d, want 3 arguments", len(args))
	}
	if other, ok := args[0].(*unpickle.Unknown); ok {
		return other, nil
	}
	v, ok := args[0].(*view)
	if !ok {
		return nil, fmt.Errorf("_rebuild_parameter: got %T, want a tensor", args[0])
	}
	return v, nil
}

// Bytes implements unpickle.Lazy.
func (v *view) Bytes() (int, error) {
	switch {
	case v.storage.class != nil:
		return 0, v.storage.class.Err()
	case v.lazy:
		return 0, fmt.Errorf("a tensor that is stored negated or conjugated is not supported")
	}
	return raw.Bytes(v.storage.kind, v.shape)
}

// Decode implements unpickle.Lazy. As bytes, the view has one more dimension, of an element's size
// and stride 1.
func (v *view) Decode() (*tensor.Dense, error) {
	size := v.storage.kind.Size()
	if v.offset < 0 || v.offset >= v.storage.count {
		return nil, fmt.Errorf(
			"starts at element %d of storage %q, which has %d", v.offset, v.storage.key, v.storage.count,
		)
	}
	shape := append(append([]int{}, v.shape...), size)
	strides := make([]int, 0, len(v.strides)+1)
	for _, stride := range v.strides {
		if stride > v.storage.count {
			// Only a dimension of 1 may have such a stride, which is never used.
			stride = v.storage.count
		}
		strides = append(strides, stride*size)
	}
	elements, err := raw.Gather(v.storage.data, shape, append(strides, 1), v.offset*size)
	if err != nil {
		return nil, fmt.Errorf("storage %q, as bytes: %w", v.storage.key, err)
	}
	return raw.Dense(v.storage.kind, raw.Layout{Order: v.storage.order}, v.shape, elements)
}

// storages resolves the persistent ids with which tensors name their storages.
type storages struct {
	order binary.ByteOrder
	byKey map[string]*storage
	// load returns a storage's bytes; nil if they come later in the file.
	load func(key string, bytes int) ([]byte, error)
}

// resolve takes ('storage', class, key, location, count) and, in the older form, a view of the
// storage, which PyTorch stopped writing with 0.4.
func (s *storages) resolve(id any) (any, error) {
	tuple, ok := id.(*types.Tuple)
	if !ok || tuple.Len() < 5 || tuple.Get(0) != "storage" {
		return nil, fmt.Errorf("persistent id: want a storage: save the state dict, not the module")
	}
	unread, _ := tuple.Get(1).(*unpickle.Unknown)
	class, classOK := tuple.Get(1).(storageClass)
	key, keyOK := tuple.Get(2).(string)
	count, countOK := tuple.Get(4).(int)
	if !classOK && unread == nil || !keyOK || !countOK || count < 0 {
		return nil, fmt.Errorf(
			"persistent id: got %T, %T, %T, want a storage's class, key and count", tuple.Get(1), tuple.Get(2),
			tuple.Get(4),
		)
	}
	if tuple.Len() > 5 && tuple.Get(5) != nil {
		return nil, fmt.Errorf(
			"storage %q is a view of another one: the form of PyTorch before 0.4 is not supported", key,
		)
	}
	if known, ok := s.byKey[key]; ok {
		if known.kind != raw.Kind(class) || known.count != count || (known.class == nil) != (unread == nil) {
			return nil, fmt.Errorf(
				"storage %q is both %d %s and %d %s", key, known.count, known.kind, count, raw.Kind(class),
			)
		}
		return known, nil
	}
	store := &storage{key: key, kind: raw.Kind(class), class: unread, count: count, order: s.order}
	s.byKey[key] = store
	if s.load == nil || count == 0 || unread != nil {
		return store, nil
	}
	bytes, err := raw.Bytes(store.kind, []int{count})
	if err != nil {
		return nil, fmt.Errorf("storage %q: %w", key, err)
	}
	store.data, err = s.load(key, bytes)
	return store, err
}
