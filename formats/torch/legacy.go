package torch

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/nlpodyssey/gopickle/types"

	"convgraph/formats"
	"convgraph/formats/internal/unpickle"
)

// The older form is a sequence of pickles, then the storages:
//
//	pickle  0x1950a86a20f9469cfc6c
//	pickle  1001, the version
//	pickle  {"protocol_version": 1001, "little_endian": True, "type_sizes": {…}}
//	pickle  the object
//	pickle  the storages' keys, in order
//	for each: 8 bytes, the count of its elements; the elements
const (
	legacyMagic   = "1950a86a20f9469cfc6c"
	legacyVersion = 1001
)

// row reads consecutive pickles.
type row struct {
	data []byte
	at   int
}

func (r *row) next(what string, allow map[string]any, persistent func(any) (any, error)) (any, error) {
	value, length, err := unpickle.Load(r.data[r.at:], allow, persistent)
	if err != nil {
		return nil, fmt.Errorf("%s (the pickle at byte %d): %w", what, r.at, err)
	}
	r.at += length
	return value, nil
}

func readLegacy(data []byte) ([]formats.Array, error) {
	r := &row{data: data}
	order, err := readPreamble(r)
	if err != nil {
		return nil, err
	}
	stores := &storages{order: order, byKey: map[string]*storage{}}
	value, err := r.next("object", classes(), stores.resolve)
	if err != nil {
		return nil, err
	}
	keys, err := r.next("storage keys", nil, nil)
	if err != nil {
		return nil, err
	}
	if err := readStorages(r, keys, stores); err != nil {
		return nil, err
	}
	return unpickle.Flatten(value, len(data))
}

// readPreamble reads the magic number, the version and the machine's byte order.
func readPreamble(r *row) (binary.ByteOrder, error) {
	magic, err := r.next("magic number", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("neither a zip file nor PyTorch's older form: %w", err)
	}
	if n, ok := magic.(*big.Int); !ok || n.Text(16) != legacyMagic {
		return nil, fmt.Errorf("got another pickle, want the magic number 0x%s: not written by torch.save", legacyMagic)
	}
	version, err := r.next("version", nil, nil)
	if err != nil {
		return nil, err
	}
	// Never print a pickle's value: a dict that contains itself has no end.
	if n, ok := version.(int); !ok || n != legacyVersion {
		return nil, fmt.Errorf("got %T %d, want version %d", version, n, legacyVersion)
	}
	info, err := r.next("system information", nil, nil)
	if err != nil {
		return nil, err
	}
	dict, ok := info.(*types.Dict)
	if !ok {
		return nil, fmt.Errorf("system information: got %T, want a dict", info)
	}
	if little, found := dict.Get("little_endian"); found && little == false {
		return binary.BigEndian, nil
	}
	return binary.LittleEndian, nil
}

func readStorages(r *row, keys any, stores *storages) error {
	list, ok := keys.(*types.List)
	if !ok {
		return fmt.Errorf("storage keys: got %T, want a list", keys)
	}
	for _, item := range *list {
		key, ok := item.(string)
		if !ok {
			return fmt.Errorf("storage keys: got %T, want text", item)
		}
		store, ok := stores.byKey[key]
		if !ok {
			return fmt.Errorf("storage %q belongs to no tensor", key)
		}
		if store.data != nil {
			return fmt.Errorf("storage %q occurs twice", key)
		}
		if err := r.storage(store); err != nil {
			return fmt.Errorf("storage %q at byte %d: %w", key, r.at, err)
		}
	}
	for key, store := range stores.byKey {
		if store.data == nil && store.count > 0 {
			return fmt.Errorf("storage %q is missing", key)
		}
	}
	if r.at != len(r.data) {
		return fmt.Errorf("ends at byte %d of %d, want nothing after the storages", r.at, len(r.data))
	}
	return nil
}

func (r *row) storage(store *storage) error {
	rest := r.data[r.at:]
	if len(rest) < 8 {
		return fmt.Errorf("got %d bytes, want a count of 8 bytes", len(rest))
	}
	if count := store.order.Uint64(rest); count != uint64(store.count) {
		return fmt.Errorf("got a count of %d, want %d elements", count, store.count)
	}
	rest = rest[8:]
	if store.size() == 0 {
		return store.class.Err()
	}
	if store.count > len(rest)/store.size() {
		return fmt.Errorf("got %d bytes, want %d elements of %s", len(rest), store.count, store.kind)
	}
	size := store.count * store.size()
	store.data = rest[:size:size]
	r.at += 8 + size
	return nil
}
