package npz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"codeberg.org/sbinet/npyio/npy"
	"gorgonia.org/tensor"

	"convgraph/internal/file"
	"convgraph/internal/raw"
)

// The .npy format (NEP 1):
//
//	6 bytes   \x93NUMPY
//	2 bytes   version, major and minor
//	2 bytes   the header's length, little-endian (4 bytes from version 2 on)
//	header    a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//	          padded with spaces and closed by a newline
//	rest      the elements

// maxHeader is far above the header of a plain array (NumPy itself refuses more than 10,000 bytes).
const maxHeader = 10_000

// WriteNPYFile writes a .npy file atomically. See EncodeNPY.
func WriteNPYFile(path string, value *tensor.Dense) error {
	return file.Write(path, func(w io.Writer) error { return EncodeNPY(w, value) })
}

// DecodeNPY reads the bytes of a whole .npy file of numbers or bool, in either byte order, in C or
// Fortran order; the result is row-major. It refuses objects, strings, records, complex and long
// double by name.
func DecodeNPY(data []byte) (*tensor.Dense, error) {
	a, err := parseNPY(data)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	value, err := a.decode()
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	return value, nil
}

// npyArray is an array whose elements aren't decoded yet.
type npyArray struct {
	kind   raw.Kind
	layout raw.Layout
	shape  []int
	body   []byte
}

// parseNPY reads the header. Its errors are about element types and shapes that this package
// doesn't read.
func parseNPY(data []byte) (npyArray, error) {
	header, body, err := splitNPY(data)
	if err != nil {
		return npyArray{}, err
	}
	kind, layout, err := elementType(header)
	if err != nil {
		return npyArray{}, err
	}
	_, err = raw.Bytes(kind, header.Descr.Shape)
	return npyArray{kind, layout, header.Descr.Shape, body}, err
}

func (a npyArray) decode() (*tensor.Dense, error) {
	return raw.Dense(a.kind, a.layout, a.shape, a.body)
}

// splitNPY separates the header from the elements.
func splitNPY(data []byte) (header npy.Header, body []byte, err error) {
	end, err := headerEnd(data)
	if err != nil {
		return header, nil, err
	}
	// The library panics on some malformed headers: it indexes into the text without checking.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("header %.200q is malformed", data[:end])
		}
	}()
	reader, err := npy.NewReader(bytes.NewReader(data[:end]))
	if err != nil {
		return header, nil, fmt.Errorf("header %.200q: %w", data[:end], err)
	}
	return reader.Header, data[end:], nil
}

// headerEnd returns the offset of the elements.
func headerEnd(data []byte) (int, error) {
	if !bytes.HasPrefix(data, npy.Magic[:]) {
		return 0, fmt.Errorf("got %.6q, want a file that begins with %q", data, npy.Magic)
	}
	if len(data) < 12 {
		return 0, fmt.Errorf("got a file of %d bytes, want at least 12", len(data))
	}
	var begin, length int
	switch version := data[6]; version {
	case 1:
		begin, length = 10, int(binary.LittleEndian.Uint16(data[8:]))
	case 2:
		begin, length = 12, int(min(binary.LittleEndian.Uint32(data[8:]), maxHeader+1))
	default:
		return 0, fmt.Errorf("format version: got %d.%d, want 1.0 or 2.0", version, data[7])
	}
	if length > maxHeader {
		return 0, fmt.Errorf("header: got more than %d bytes", maxHeader)
	}
	if length > len(data)-begin {
		return 0, fmt.Errorf("header length: got %d, want at most %d, the rest of the file", length, len(data)-begin)
	}
	return begin + length, nil
}

// elementType reads a descr such as '<f4' (the library keeps the quotes).
func elementType(header npy.Header) (raw.Kind, raw.Layout, error) {
	descr := header.Descr.Type
	inner := strings.Trim(descr, `'"`)
	if len(inner) < 2 || len(inner)+2 != len(descr) {
		return raw.Invalid, raw.Layout{}, fmt.Errorf("dtype: got %.100s, want plain numbers or bool", descr)
	}
	order, err := raw.NumPyOrder(inner[0])
	if err != nil {
		return raw.Invalid, raw.Layout{}, fmt.Errorf("dtype %.100s: %w", descr, err)
	}
	kind, err := raw.NumPyKind(inner[1:])
	if err != nil {
		return raw.Invalid, raw.Layout{}, fmt.Errorf("dtype %.100s: %w", descr, err)
	}
	return kind, raw.Layout{Order: order, Fortran: header.Descr.Fortran}, nil
}

// EncodeNPY writes a float32, float64 or int64 tensor of any memory layout, in C order and
// little-endian, as version 1.0.
func EncodeNPY(w io.Writer, value *tensor.Dense) error {
	kind, err := raw.KindOf(value)
	if err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	size, err := raw.Bytes(kind, value.Shape())
	if err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	elements, err := raw.AppendLittleEndian(make([]byte, 0, size), value)
	if err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	if _, err := w.Write(npyHeader(kind, value.Shape())); err != nil {
		return err
	}
	_, err = w.Write(elements)
	return err
}

var descrs = map[raw.Kind]string{raw.F32: "<f4", raw.F64: "<f8", raw.I64: "<i8"}

// npyHeader pads with spaces so that the elements begin at a multiple of 64 bytes, as NumPy does
// for files that are memory-mapped.
func npyHeader(kind raw.Kind, shape []int) []byte {
	const align, prefix = 64, 10
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descrs[kind], shapeTuple(shape))
	padding := align - 1 - (prefix+len(dict))%align
	header := append([]byte{}, npy.Magic[:]...)
	header = append(header, 1, 0)
	header = binary.LittleEndian.AppendUint16(header, uint16(len(dict)+padding+1))
	header = append(header, dict...)
	header = append(header, strings.Repeat(" ", padding)...)
	return append(header, '\n')
}

// shapeTuple formats a shape as Python does: (), (3,), (2, 3).
func shapeTuple(shape []int) string {
	if len(shape) == 1 {
		return "(" + strconv.Itoa(shape[0]) + ",)"
	}
	dims := make([]string, len(shape))
	for i, dim := range shape {
		dims[i] = strconv.Itoa(dim)
	}
	return "(" + strings.Join(dims, ", ") + ")"
}
