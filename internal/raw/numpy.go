package raw

import (
	"encoding/binary"
	"fmt"
)

// Layout is the order of an array's bytes and elements in a file.
type Layout struct {
	Order   binary.ByteOrder
	Fortran bool // the first index varies fastest, not the last
}

var numpyKinds = map[string]Kind{
	"b1": Bool, "?": Bool,
	"i1": I8, "b": I8,
	"u1": U8, "B": U8,
	"i2": I16, "u2": U16, "i4": I32, "u4": U32, "i8": I64, "u8": U64,
	"f2": F16, "f4": F32, "f8": F64,
}

// NumPyKind returns the element type of a NumPy type code without its byte order, such as f4 or b1.
func NumPyKind(code string) (Kind, error) {
	if kind, ok := numpyKinds[code]; ok {
		return kind, nil
	}
	return Invalid, fmt.Errorf("NumPy type: got %q, want float16/32/64, an integer of 8 to 64 bits, or bool", code)
}

// NumPyOrder returns the byte order for a NumPy type's first character. '=' (native) is read as
// little-endian, which it is on every machine that NumPy still supports except s390x; '|' means
// that the order doesn't matter.
func NumPyOrder(mark byte) (binary.ByteOrder, error) {
	switch mark {
	case '<', '|', '=':
		return binary.LittleEndian, nil
	case '>':
		return binary.BigEndian, nil
	}
	return nil, fmt.Errorf("byte order: got %q, want one of < > = |", mark)
}
