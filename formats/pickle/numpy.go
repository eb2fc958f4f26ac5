package pickle

import (
	"encoding/binary"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
	"gorgonia.org/tensor"

	"convgraph/formats/internal/unpickle"
	"convgraph/internal/raw"
)

// classes lists the classes that a pickle may name. NumPy 2 moved its core from numpy.core to
// numpy._core; files use both names.
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

// ndarrayClass is numpy.ndarray itself, which occurs only as an argument of _reconstruct.
type ndarrayClass struct{}

// dtype is numpy.dtype: created from its code; PySetState then sets its byte order.
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
		return nil, fmt.Errorf("numpy.dtype: got %T, want a type's code", args[0])
	}
	return &dtype{code: code, order: '|'}, nil
}

// PySetState takes (version, byte order, subarray, names, fields, size, alignment, flags).
func (d *dtype) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || tuple.Len() < 5 {
		return fmt.Errorf("numpy.dtype %q: got %T, want a state of 8 values", d.code, state)
	}
	order, ok := tuple.Get(1).(string)
	if !ok || len(order) != 1 {
		return fmt.Errorf(
			"numpy.dtype %q: got %T %.20q, want a byte order of one character", d.code, tuple.Get(1), order,
		)
	}
	d.compound = tuple.Get(2) != nil || tuple.Get(3) != nil
	d.order = order[0]
	return nil
}

// element returns the dtype in the readers' terms.
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

// ndarray is an array whose elements are still the pickle's bytes. They are decoded after
// unpickle.Flatten has counted them.
type ndarray struct {
	shape   []int
	dtype   *dtype
	fortran bool
	data    any // []byte, *types.ByteArray, string (Python 2) or latin1
}

var _ unpickle.Lazy = (*ndarray)(nil)

// reconstruct is numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b'): an empty array,
// which PySetState fills.
func reconstruct(args []any) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("numpy _reconstruct: got %d, want 3 arguments", len(args))
	}
	if class, ok := args[0].(*unpickle.Unknown); ok { // numpy.matrix, say
		return class, nil
	}
	if _, ok := args[0].(ndarrayClass); !ok {
		return nil, fmt.Errorf("numpy _reconstruct: got %T, want numpy.ndarray", args[0])
	}
	return &ndarray{}, nil
}

// PySetState takes (version, shape, dtype, fortran order, bytes).
func (a *ndarray) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || tuple.Len() != 5 {
		return fmt.Errorf("numpy.ndarray: got %T, want a state of 5 values", state)
	}
	fortran, ok := tuple.Get(3).(bool)
	if !ok {
		return fmt.Errorf("numpy.ndarray: got %T, want Fortran order or not", tuple.Get(3))
	}
	return a.set(tuple.Get(4), tuple.Get(2), tuple.Get(1), fortran)
}

// fromBuffer is numpy.core.numeric._frombuffer(bytes, dtype, shape, 'C' or 'F'), the form of
// protocol 5.
func fromBuffer(args []any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("numpy _frombuffer: got %d, want 4 arguments", len(args))
	}
	order, _ := args[3].(string)
	if order != "C" && order != "F" {
		return nil, fmt.Errorf("numpy _frombuffer: got %T %.20q, want order C or F", args[3], order)
	}
	a := &ndarray{}
	return a, a.set(args[0], args[1], args[2], order == "F")
}

// newScalar is numpy.core.multiarray.scalar(dtype, bytes).
func newScalar(args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("numpy scalar: got %d, want 2 arguments", len(args))
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
		return fmt.Errorf("got %T, want an array's numpy.dtype", elementType)
	}
	a.dtype, a.fortran, a.data = d, fortran, data
	return nil
}

// Bytes implements unpickle.Lazy.
func (a *ndarray) Bytes() (int, error) {
	if a.dtype == nil {
		return 0, fmt.Errorf("has no elements: its state is missing")
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
	return nil, fmt.Errorf("got %T, want the elements' bytes: an array of objects is not supported", data)
}

// latin1 is bytes in the form of Python 3's protocol 2: text in which each character is one byte.
type latin1 string

// encode is _codecs.encode(text, 'latin1').
func encode(args []any) (any, error) {
	if len(args) != 2 || (args[1] != "latin1" && args[1] != "latin-1") {
		return nil, fmt.Errorf("_codecs.encode: want text and latin1")
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("_codecs.encode: got %T, want text", args[0])
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
