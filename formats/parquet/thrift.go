package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// kind is a type of Thrift's compact protocol
// (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
type kind uint8

const (
	stop kind = iota
	boolTrue
	boolFalse
	int8Kind
	int16Kind
	int32Kind
	int64Kind
	double
	binaryKind
	list
	set
	mapKind
	structure
	uuid
)

// maxDepth is the largest nesting of structures; Parquet's own have a depth of 6.
const maxDepth = 32

// errCutOff is the error of truncated metadata. More bytes may fix it.
var errCutOff = errors.New("metadata cut off")

// A decoder reads Thrift's compact protocol. After the first error it reads nothing. It allocates
// only its results, so lengths are checked against the bytes left.
type decoder struct {
	data  []byte
	depth int
	err   error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.data = err, nil
	}
}

func (d *decoder) byte() byte {
	if len(d.data) == 0 {
		d.fail(errCutOff)
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	switch {
	case n == 0:
		d.fail(errCutOff)
		return 0
	case n < 0:
		d.fail(errors.New("metadata: got a number of more than 64 bits"))
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.fail(errCutOff)
		return nil
	}
	taken := d.data[:n]
	d.data = d.data[n:]
	return taken
}

// fields reads a structure. use reads the value of a field, or returns false to skip it.
func (d *decoder) fields(use func(id int64, k kind) bool) {
	d.depth++
	defer func() { d.depth-- }()
	if d.depth > maxDepth {
		d.fail(fmt.Errorf("metadata: want structures at most %d deep", maxDepth))
	}
	id := int64(0)
	for d.err == nil {
		head := d.byte()
		k := kind(head & 15)
		if k == stop {
			return
		}
		if step := int64(head >> 4); step > 0 {
			id += step
		} else {
			id = d.varint()
		}
		if d.err == nil && !use(id, k) {
			d.skip(k)
		}
	}
}

// elements reads a list of a kind. use reads an element.
func (d *decoder) elements(k, of kind, use func()) bool {
	if k != list {
		return false
	}
	n, got := d.listHeader()
	if got != of && n > 0 {
		d.fail(fmt.Errorf("metadata: got a list of type %d, want %d", got, of))
	}
	for range n {
		if d.err != nil {
			break
		}
		use()
	}
	return true
}

func (d *decoder) listHeader() (n uint64, of kind) {
	head := d.byte()
	n, of = uint64(head>>4), kind(head&15)
	if n == 15 {
		n = d.uvarint()
	}
	if n > uint64(len(d.data)) { // an element has at least one byte
		d.fail(errCutOff)
		return 0, of
	}
	return n, of
}

// integer reads a whole number of up to 64 bits.
func (d *decoder) integer(k kind, into *int64) bool {
	if k < int16Kind || k > int64Kind {
		return false
	}
	*into = d.varint()
	return true
}

// small reads a whole number of 32 bits.
func (d *decoder) small(k kind, into *int) bool {
	var wide int64
	if !d.integer(k, &wide) {
		return false
	}
	if wide < math.MinInt32 || wide > math.MaxInt32 {
		d.fail(fmt.Errorf("metadata: got %d, want a number of 32 bits", wide))
		return true
	}
	*into = int(wide)
	return true
}

func (d *decoder) text(k kind, into *string) bool {
	if k != binaryKind {
		return false
	}
	*into = string(d.take(d.uvarint()))
	return true
}

func (d *decoder) boolean(k kind, into *bool) bool {
	if k != boolTrue && k != boolFalse {
		return false
	}
	*into = k == boolTrue
	return true
}

// skip reads a field's value.
func (d *decoder) skip(k kind) {
	switch k {
	case boolTrue, boolFalse: // the kind is the value
	case int8Kind:
		d.byte()
	case int16Kind, int32Kind, int64Kind:
		d.uvarint()
	case double:
		d.take(8)
	case uuid:
		d.take(16)
	case binaryKind:
		d.take(d.uvarint())
	case list, set:
		n, of := d.listHeader()
		for range n {
			d.skipElement(of)
		}
	case mapKind:
		d.skipMap()
	case structure:
		d.fields(func(int64, kind) bool { return false })
	default:
		d.fail(fmt.Errorf("metadata: got type %d, want 1 to %d", k, uuid))
	}
}

// skipElement skips an element of a list or a map, where a boolean takes a byte.
func (d *decoder) skipElement(k kind) {
	switch {
	case d.err != nil:
	case k == boolTrue, k == boolFalse:
		d.byte()
	case k == list, k == set, k == mapKind:
		d.depth++
		if d.depth > maxDepth {
			d.fail(fmt.Errorf("metadata: want lists at most %d deep", maxDepth))
		}
		d.skip(k)
		d.depth--
	default:
		d.skip(k)
	}
}

func (d *decoder) skipMap() {
	n := d.uvarint()
	if n == 0 {
		return
	}
	if n > uint64(len(d.data)) {
		d.fail(errCutOff)
		return
	}
	kinds := d.byte()
	for range n {
		if d.err != nil {
			return
		}
		d.skipElement(kind(kinds >> 4))
		d.skipElement(kind(kinds & 15))
	}
}

// encoder writes Thrift's compact protocol.
type encoder struct{ data []byte }

// fields writes a structure with the fields that write adds.
func (e *encoder) fields(write func(f *fieldEncoder)) {
	write(&fieldEncoder{encoder: e})
	e.data = append(e.data, byte(stop))
}

func (e *encoder) varint(v int64) {
	e.data = binary.AppendUvarint(e.data, uint64(v<<1)^uint64(v>>63))
}

func (e *encoder) text(s string) {
	e.data = append(binary.AppendUvarint(e.data, uint64(len(s))), s...)
}

// fieldEncoder writes the fields of one structure, in the order of their numbers.
type fieldEncoder struct {
	*encoder
	last int
}

func (f *fieldEncoder) head(id int, k kind) {
	f.data = append(f.data, byte(id-f.last)<<4|byte(k)) // Parquet's fields are less than 15 apart
	f.last = id
}

func (f *fieldEncoder) small(id, v int) {
	f.head(id, int32Kind)
	f.varint(int64(v))
}

func (f *fieldEncoder) integer(id int, v int64) {
	f.head(id, int64Kind)
	f.varint(v)
}

func (f *fieldEncoder) string(id int, s string) {
	f.head(id, binaryKind)
	f.text(s)
}

func (f *fieldEncoder) structure(id int, write func(f *fieldEncoder)) {
	f.head(id, structure)
	f.fields(write)
}

// list writes a list of n elements of a kind.
func (f *fieldEncoder) list(id int, of kind, n int, element func(i int)) {
	f.head(id, list)
	if n < 15 {
		f.data = append(f.data, byte(n)<<4|byte(of))
	} else {
		f.data = binary.AppendUvarint(append(f.data, 0xf0|byte(of)), uint64(n))
	}
	for i := range n {
		element(i)
	}
}
