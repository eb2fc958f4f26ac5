package raw

import (
	"encoding/binary"
	"fmt"
)

// Layout says how an array's elements lie in a file.
type Layout struct {
	Order   binary.ByteOrder
	Fortran bool // first index fastest, instead of the last
}

var numpyKinds = map[string]Kind{
	"b1": Bool, "?": Bool,
	"i1": I8, "b": I8,
	"u1": U8, "B": U8,
	"i2": I16, "u2": U16, "i4": I32, "u4": U32, "i8": I64, "u8": U64,
	"f2": F16, "f4": F32, "f8": F64,
}

// NumPyKind returns the element type of a NumPy type code without its byte
// order, such as f4 or b1.
func NumPyKind(code string) (Kind, error) {
	if kind, ok := numpyKinds[code]; ok {
		return kind, nil
	}
	return Invalid, fmt.Errorf("NumPy type %q is not supported: want float16/32/64, an integer of 8 to 64 bits, or bool", code)
}

// NumPyOrder returns the byte order of a NumPy type's first character. '='
// (native) is taken as little-endian, what every machine that NumPy still
// supports but s390x has; '|' means that order does not matter.
func NumPyOrder(mark byte) (binary.ByteOrder, error) {
	switch mark {
	case '<', '|', '=':
		return binary.LittleEndian, nil
	case '>':
		return binary.BigEndian, nil
	}
	return nil, fmt.Errorf("byte order %q is not one of < > = |", mark)
}
