package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	magic     = "PAR1"
	encrypted = "PARE"
	// maxFooter bounds the footer of a file; that of a terabyte of pictures has some megabytes.
	maxFooter = 256 << 20
	// leastRow is the smallest accepted average size of a row in the file, in bytes. A few bytes
	// can claim any number of empty rows; the header of a picture is larger than leastRow.
	leastRow = 8
)

// A Type is how a column's values are stored.
type Type int

// The types.
const (
	Boolean Type = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
)

var typeNames = []string{
	"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY",
}

func (t Type) String() string { return nameOf(typeNames, int(t)) }

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("number %d", i)
	}
	return names[i]
}

// A Column is a leaf of the table's schema.
type Column struct {
	Path string // the names from the root on, separated by dots: image.bytes
	Type Type
	Text bool // its byte arrays are declared as UTF-8

	index    int // among the leaves
	levels   int // the number of optional nodes on its path: the definition level of a value
	repeated bool
}

// A File is an open Parquet file.
type File struct {
	Columns  []Column
	Metadata map[string]string // key and value

	r      io.ReaderAt
	size   int64
	rows   int64
	groups []group
}

// A group is a row group.
type group struct {
	rows   int64
	chunks []chunk
}

// A chunk is a column of a row group.
type chunk struct {
	file         string // "" is this file
	kind         Type
	codec        codec
	values       int64
	start, end   int64 // of its pages in the file
	described    bool
	dataOffset   int64
	dictOffset   int64
	indexOffset  int64
	packedLength int64
}

// Open reads the footer of a Parquet file of size bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	footer, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{}, r: r, size: size}
	if err := f.parse(footer); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return f, nil
}

func readFooter(r io.ReaderAt, size int64) ([]byte, error) {
	const tail = 4 + len(magic) // the footer's length
	if size < int64(len(magic)+tail) {
		return nil, fmt.Errorf("got %d bytes, want a Parquet file", size)
	}
	var end [tail]byte
	if err := readAt(r, end[:], size-int64(tail)); err != nil {
		return nil, err
	}
	switch string(end[4:]) {
	case magic:
	case encrypted:
		return nil, errors.New("the file is encrypted")
	default:
		return nil, fmt.Errorf("got a file that ends with % x, want %s", end[4:], magic)
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if length > min(size-int64(len(magic)+tail), maxFooter) {
		return nil, fmt.Errorf("got a footer of %d bytes in a file of %d", length, size)
	}
	footer := make([]byte, length)
	return footer, readAt(r, footer, size-int64(tail)-length)
}

// readAt fills p. If the file ends too early, the error says so.
func readAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends %d bytes too early", len(p)-n)
	}
	return err
}

// A node is an element of the schema.
type node struct {
	name                       string
	kind, repetition, children int
	typed, text                bool
}

const (
	required = iota
	optional
	repeated
)

func (f *File) parse(footer []byte) error {
	d := &decoder{data: footer}
	var nodes []node
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 2:
			return d.elements(k, structure, func() { nodes = append(nodes, d.node()) })
		case 3:
			return d.integer(k, &f.rows)
		case 4:
			return d.elements(k, structure, func() { f.groups = append(f.groups, d.group()) })
		case 5:
			return d.elements(k, structure, func() { d.keyValue(f.Metadata) })
		}
		return false
	})
	if d.err != nil {
		return d.err
	}
	if err := f.flatten(nodes); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return f.check()
}

func (d *decoder) node() (n node) {
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			n.typed = true
			return d.small(k, &n.kind)
		case 3:
			return d.small(k, &n.repetition)
		case 4:
			return d.text(k, &n.name)
		case 5:
			return d.small(k, &n.children)
		case 6:
			var converted int
			ok := d.small(k, &converted)
			n.text = ok && converted == 0
			return ok
		}
		return false
	})
	return n
}

func (d *decoder) keyValue(into map[string]string) {
	var key, value string
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			return d.text(k, &key)
		case 2:
			return d.text(k, &value)
		}
		return false
	})
	into[key] = value
}

func (d *decoder) group() (g group) {
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			return d.elements(k, structure, func() { g.chunks = append(g.chunks, d.chunk()) })
		case 3:
			return d.integer(k, &g.rows)
		}
		return false
	})
	return g
}

func (d *decoder) chunk() (c chunk) {
	d.fields(func(id int64, k kind) bool {
		switch {
		case id == 1:
			return d.text(k, &c.file)
		case id == 3 && k == structure:
			d.description(&c)
			return true
		}
		return false
	})
	return c
}

func (d *decoder) description(c *chunk) {
	c.described = true
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			return d.small(k, (*int)(&c.kind))
		case 4:
			return d.small(k, (*int)(&c.codec))
		case 5:
			return d.integer(k, &c.values)
		case 7:
			return d.integer(k, &c.packedLength)
		case 9:
			return d.integer(k, &c.dataOffset)
		case 10:
			return d.integer(k, &c.indexOffset)
		case 11:
			return d.integer(k, &c.dictOffset)
		}
		return false
	})
}

// flatten returns the schema's leaves as columns. The nodes are in depth-first order, parents
// first.
func (f *File) flatten(nodes []node) error {
	if len(nodes) == 0 {
		return errors.New("got nothing, want columns")
	}
	rest := nodes[1:]
	var walk func(children, depth int, above Column) error
	walk = func(children, depth int, above Column) error {
		if depth > maxDepth {
			return fmt.Errorf("want groups at most %d deep", maxDepth)
		}
		for range children {
			if len(rest) == 0 {
				return errors.New("got fewer nodes than claimed")
			}
			n := rest[0]
			rest = rest[1:]
			c := above
			c.Path = strings.TrimPrefix(above.Path+"."+n.name, ".")
			switch n.repetition {
			case required:
			case optional:
				c.levels++
			case repeated:
				c.levels++
				c.repeated = true
			default:
				return fmt.Errorf("column %q: got repetition %d, want 0 to 2", c.Path, n.repetition)
			}
			if n.children == 0 && n.typed {
				c.Type, c.Text, c.index = Type(n.kind), n.text, len(f.Columns)
				f.Columns = append(f.Columns, c)
				continue
			}
			if err := walk(n.children, depth+1, c); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(nodes[0].children, 0, Column{}); err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("got %d nodes without a parent", len(rest))
	}
	return nil
}

// check compares the footer with the file's size and with itself.
func (f *File) check() error {
	total := int64(0)
	for i := range f.groups {
		g := &f.groups[i]
		if g.rows < 0 || g.rows > f.size || len(g.chunks) != len(f.Columns) {
			return fmt.Errorf("row group %d: got %d rows and %d columns in a file of %d bytes with %d columns",
				i, g.rows, len(g.chunks), f.size, len(f.Columns))
		}
		total += g.rows
		if total > f.size/leastRow {
			return fmt.Errorf("got %d rows or more in a file of %d bytes, want at most %d",
				total, f.size, f.size/leastRow)
		}
		for c := range g.chunks {
			if err := g.chunks[c].locate(f.size, f.Columns[c]); err != nil {
				return fmt.Errorf("row group %d, column %q: %w", i, f.Columns[c].Path, err)
			}
		}
	}
	if total != f.rows {
		return fmt.Errorf("got %d rows in all row groups, want %d", total, f.rows)
	}
	return nil
}

// locate finds the chunk's bytes in a file of size bytes.
func (c *chunk) locate(size int64, column Column) error {
	switch {
	case c.file != "":
		return fmt.Errorf("its values are in another file, %q", c.file)
	case !c.described:
		return errors.New("it has no metadata, or they are encrypted")
	case c.kind != column.Type:
		return fmt.Errorf("got type %v, want %v", c.kind, column.Type)
	}
	c.start = c.dataOffset
	if c.dictOffset > 0 && c.dictOffset < c.dataOffset {
		c.start = c.dictOffset
	}
	if c.start < 0 || c.packedLength < 0 || c.start > size || c.packedLength > size-c.start {
		return fmt.Errorf("got %d bytes at byte %d in a file of %d", c.packedLength, c.start, size)
	}
	c.end = c.start + c.packedLength
	return nil
}

// Rows returns the number of rows.
func (f *File) Rows() int { return int(f.rows) }

// Groups returns the number of row groups.
func (f *File) Groups() int { return len(f.groups) }

// Column returns the column with the given path.
func (f *File) Column(path string) (Column, bool) {
	for _, c := range f.Columns {
		if c.Path == path {
			return c, true
		}
	}
	return Column{}, false
}
