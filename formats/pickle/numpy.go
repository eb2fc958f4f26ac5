package pickle

import (
	"encoding/binary"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
	"gorgonia.org/tensor"

	"convgraph/formats/internal/unpickle"
	"convgraph/internal/raw"
)

// classes lists what a pickle may name. NumPy 2 moved its core from numpy.core
// to numpy._core; both spellings are in use.
func classes() map[string]any {
	return map[string]any{
		"numpy.ndarray":                       ndarrayClass{},
		"numpy.dtype":                         unpickle.Function(newDtype),
		"numpy.core.multiarray._reconstruct":  unpickle.Function(reconstruct),
		"numpy._core.multiarray._reconstruct": unpickle.Function(reconstruct),
		"numpy.core.multiarray.scalar":        unpickle.Function(newScalar),
		"numpy._core.multiarray.scalar":       unpickle.Function(newScalar),
		"numpy.core.numeric._frombuffer":      unpickle.Function(fromBuffer),
		"numpy._core.numeric._frombuffer":     unpickle.Function(fromBuffer),
		"_codecs.encode":                      unpickle.Function(encode),
		unpickle.OrderedDict:                  &types.OrderedDictClass{},
	}
}

// ndarrayClass is numpy.ndarray itself, only ever an argument of _reconstruct.
type ndarrayClass struct{}

// dtype is numpy.dtype: built from its code, then told its byte order.
type dtype struct {
	code     string
	order    byte
	compound bool // has subarrays or named fields
}

// newDtype is numpy.dtype('f8', align, copy).
func newDtype(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("numpy.dtype: no argument")
	}
	code, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("numpy.dtype: expected a type's code, found %T", args[0])
	}
	return &dtype{code: code, order: '|'}, nil
}

// PySetState takes (version, byte order, subarray, names, fields, size,
// alignment, flags).
func (d *dtype) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || tuple.Len() < 5 {
		return fmt.Errorf("numpy.dtype %q: expected a state of 8 values, found %T", d.code, state)
	}
	order, ok := tuple.Get(1).(string)
	if !ok || len(order) != 1 {
		return fmt.Errorf("numpy.dtype %q: expected a byte order of one character, found %T %.20q", d.code, tuple.Get(1), order)
	}
	d.compound = tuple.Get(2) != nil || tuple.Get(3) != nil
	d.order = order[0]
	return nil
}

// element returns the dtype as the readers know it.
func (d *dtype) element() (raw.Kind, binary.ByteOrder, error) {
	if d.compound {
		return raw.Invalid, nil, fmt.Errorf("numpy.dtype %q with subarrays or named fields is not supported", d.code)
	}
	kind, err := raw.NumPyKind(d.code)
	if err != nil {
		return raw.Invalid, nil, err
	}
	order, err := raw.NumPyOrder(d.order)
	return kind, order, err
}

// ndarray is an array whose elements are still the pickle's own bytes: decoding
// waits until unpickle.Flatten has counted them.
type ndarray struct {
	shape   []int
	dtype   *dtype
	fortran bool
	data    any // []byte, *types.ByteArray, string (Python 2) or latin1
}

var _ unpickle.Lazy = (*ndarray)(nil)

// reconstruct is numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b'):
// an empty array, filled by PySetState.
func reconstruct(args []any) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("numpy _reconstruct: expected 3 arguments, found %d", len(args))
	}
	if class, ok := args[0].(*unpickle.Unknown); ok { // numpy.matrix, say
		return class, nil
	}
	if _, ok := args[0].(ndarrayClass); !ok {
		return nil, fmt.Errorf("numpy _reconstruct: expected numpy.ndarray, found %T", args[0])
	}
	return &ndarray{}, nil
}

// PySetState takes (version, shape, dtype, fortran order, bytes).
func (a *ndarray) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || tuple.Len() != 5 {
		return fmt.Errorf("numpy.ndarray: expected a state of 5 values, found %T", state)
	}
	fortran, ok := tuple.Get(3).(bool)
	if !ok {
		return fmt.Errorf("numpy.ndarray: expected Fortran order or not, found %T", tuple.Get(3))
	}
	return a.set(tuple.Get(4), tuple.Get(2), tuple.Get(1), fortran)
}

// fromBuffer is numpy.core.numeric._frombuffer(bytes, dtype, shape, 'C' or 'F'),
// the form of protocol 5.
func fromBuffer(args []any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("numpy _frombuffer: expected 4 arguments, found %d", len(args))
	}
	order, _ := args[3].(string)
	if order != "C" && order != "F" {
		return nil, fmt.Errorf("numpy _frombuffer: expected order C or F, found %T %.20q", args[3], order)
	}
	a := &ndarray{}
	return a, a.set(args[0], args[1], args[2], order == "F")
}

// newScalar is numpy.core.multiarray.scalar(dtype, bytes).
func newScalar(args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("numpy scalar: expected 2 arguments, found %d", len(args))
	}
	a := &ndarray{}
	return a, a.set(args[1], args[0], types.NewTupleFromSlice(nil), false)
}

func (a *ndarray) set(data, elementType, shape any, fortran bool) (err error) {
	a.shape, err = unpickle.Ints(shape)
	if err != nil {
		return fmt.Errorf("shape of an array: %w", err)
	}
	d, ok := elementType.(*dtype)
	if !ok {
		return fmt.Errorf("expected an array's numpy.dtype, found %T", elementType)
	}
	a.dtype, a.fortran, a.data = d, fortran, data
	return nil
}

// Bytes implements unpickle.Lazy.
func (a *ndarray) Bytes() (int, error) {
	if a.dtype == nil {
		return 0, fmt.Errorf("was announced and never filled")
	}
	kind, _, err := a.dtype.element()
	if err != nil {
		return 0, err
	}
	return raw.Bytes(kind, a.shape)
}

// Decode implements unpickle.Lazy.
func (a *ndarray) Decode() (*tensor.Dense, error) {
	kind, order, err := a.dtype.element()
	if err != nil {
		return nil, err
	}
	data, err := elements(a.data)
	if err != nil {
		return nil, err
	}
	return raw.Dense(kind, raw.Layout{Order: order, Fortran: a.fortran}, a.shape, data)
}

func elements(data any) ([]byte, error) {
	switch d := data.(type) {
	case []byte:
		return d, nil
	case *types.ByteArray:
		return *d, nil
	case string:
		return []byte(d), nil
	case latin1:
		return d.bytes()
	}
	return nil, fmt.Errorf("expected the elements' bytes, found %T: an array of objects is not supported", data)
}

// latin1 is bytes as protocol 2 of Python 3 writes them: text in which each
// character is one byte.
type latin1 string

// encode is _codecs.encode(text, 'latin1').
func encode(args []any) (any, error) {
	if len(args) != 2 || (args[1] != "latin1" && args[1] != "latin-1") {
		return nil, fmt.Errorf("_codecs.encode: expected text and latin1")
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("_codecs.encode: expected text, found %T", args[0])
	}
	return latin1(text), nil
}

func (l latin1) bytes() ([]byte, error) {
	out := make([]byte, 0, len(l))
	for at, r := range string(l) {
		if r > 0xff {
			return nil, fmt.Errorf("character %q at %d of an array's bytes is not latin1", r, at)
		}
		out = append(out, byte(r))
	}
	return out, nil
}
