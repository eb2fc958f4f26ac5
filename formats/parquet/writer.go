package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// pageBytes is the size at which the writer starts a new page.
const pageBytes = 1 << 20

// A Writer writes a Parquet file of optional columns of byte arrays and 64-bit whole numbers,
// uncompressed. The same rows give the same bytes.
type Writer struct {
	w        io.Writer
	columns  []Column
	metadata map[string]string
	offset   int64
	rows     int64
	groups   []writtenGroup
	err      error
}

type writtenGroup struct {
	rows   int
	chunks []writtenChunk
}

type writtenChunk struct {
	start, length int64
}

// NewWriter begins a file. Of a column it uses Path, of one or two names, Type and Text. Columns of
// the same group must be consecutive.
func NewWriter(w io.Writer, columns []Column, metadata map[string]string) (*Writer, error) {
	out := &Writer{w: w, columns: slices.Clone(columns), metadata: maps.Clone(metadata)}
	for i := range out.columns {
		c := &out.columns[i]
		c.levels = 1 + strings.Count(c.Path, ".")
		if c.levels > 2 || c.Type != ByteArray && c.Type != Int64 {
			return nil, fmt.Errorf("column %q of type %v: want a path of one or two names, BYTE_ARRAY or INT64",
				c.Path, c.Type)
		}
	}
	out.write([]byte(magic))
	return out, out.err
}

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(p)
	w.offset += int64(n)
	w.err = err
}

// WriteGroup writes a row group: the values of all columns, for the same number of rows.
func (w *Writer) WriteGroup(columns []Values) error {
	if len(columns) != len(w.columns) {
		return fmt.Errorf("got %d columns, want %d", len(columns), len(w.columns))
	}
	g := writtenGroup{rows: max(len(columns[0].Bytes), len(columns[0].Ints))}
	for i, values := range columns {
		if n := max(len(values.Bytes), len(values.Ints)); n != g.rows || values.Null != nil && len(values.Null) != n {
			return fmt.Errorf("column %q: got %d rows, want %d", w.columns[i].Path, n, g.rows)
		}
		start := w.offset
		w.writePages(w.columns[i], values, g.rows)
		g.chunks = append(g.chunks, writtenChunk{start: start, length: w.offset - start})
	}
	w.rows += int64(g.rows)
	w.groups = append(w.groups, g)
	return w.err
}

func (w *Writer) writePages(c Column, values Values, rows int) {
	for from := 0; from < rows; {
		to, size := from, 0
		for to < rows && (to == from || size < pageBytes) {
			size += 8
			if c.Type == ByteArray {
				size += len(values.Bytes[to])
			}
			to++
		}
		w.writePage(c, values, from, to)
		from = to
	}
}

// writePage writes the rows from from up to to: the definition levels with their length, then the
// values.
func (w *Writer) writePage(c Column, values Values, from, to int) {
	null := func(i int) bool { return values.Null != nil && values.Null[i] }
	page := make([]byte, 4)
	for i := from; i < to; {
		run := i
		for run < to && null(run) == null(i) {
			run++
		}
		level := c.levels
		if null(i) {
			level--
		}
		page = append(binary.AppendUvarint(page, uint64(run-i)<<1), byte(level))
		i = run
	}
	binary.LittleEndian.PutUint32(page, uint32(len(page)-4))
	for i := from; i < to; i++ {
		switch {
		case null(i):
		case c.Type == ByteArray:
			page = append(binary.LittleEndian.AppendUint32(page, uint32(len(values.Bytes[i]))), values.Bytes[i]...)
		default:
			page = binary.LittleEndian.AppendUint64(page, uint64(values.Ints[i]))
		}
	}
	if len(page) > maxPage && w.err == nil {
		w.err = errors.New("a value is larger than 1 GiB")
	}
	var header encoder
	header.fields(func(f *fieldEncoder) {
		f.small(1, dataPage)
		f.small(2, len(page))
		f.small(3, len(page))
		f.structure(5, func(f *fieldEncoder) {
			f.small(1, to-from)
			f.small(2, encodingPlain)
			f.small(3, encodingRLE)
			f.small(4, encodingRLE)
		})
	})
	w.write(header.data)
	w.write(page)
}

// Close writes the footer. It doesn't close the underlying writer.
func (w *Writer) Close() error {
	var footer encoder
	footer.fields(func(f *fieldEncoder) {
		f.small(1, 1)
		nodes := w.schema()
		f.list(2, structure, len(nodes), func(i int) { f.fields(nodes[i]) })
		f.integer(3, w.rows)
		f.list(4, structure, len(w.groups), func(i int) { f.fields(w.group(w.groups[i])) })
		keys := slices.Sorted(maps.Keys(w.metadata))
		f.list(5, structure, len(keys), func(i int) {
			f.fields(func(f *fieldEncoder) {
				f.string(1, keys[i])
				f.string(2, w.metadata[keys[i]])
			})
		})
		f.string(6, "convgraph")
	})
	w.write(footer.data)
	w.write(binary.LittleEndian.AppendUint32(nil, uint32(len(footer.data))))
	w.write([]byte(magic))
	return w.err
}

// schema writes the nodes of the schema: the root, then the columns, those with two names after
// their group.
func (w *Writer) schema() (nodes []func(f *fieldEncoder)) {
	group := func(name string, optionally bool, children int) {
		nodes = append(nodes, func(f *fieldEncoder) {
			if optionally {
				f.small(3, optional)
			}
			f.string(4, name)
			f.small(5, children)
		})
	}
	parents := map[string]int{}
	top := 0
	for _, c := range w.columns {
		parent, _, nested := strings.Cut(c.Path, ".")
		if !nested || parents[parent] == 0 {
			top++
		}
		if nested {
			parents[parent]++
		}
	}
	group("schema", false, top)
	begun := map[string]bool{}
	for _, c := range w.columns {
		name := c.Path
		if parent, child, nested := strings.Cut(c.Path, "."); nested {
			if !begun[parent] {
				begun[parent] = true
				group(parent, true, parents[parent])
			}
			name = child
		}
		nodes = append(nodes, func(f *fieldEncoder) {
			f.small(1, int(c.Type))
			f.small(3, optional)
			f.string(4, name)
			if c.Text {
				f.small(6, 0) // UTF8
			}
		})
	}
	return nodes
}

func (w *Writer) group(g writtenGroup) func(f *fieldEncoder) {
	total := int64(0)
	for _, c := range g.chunks {
		total += c.length
	}
	return func(f *fieldEncoder) {
		f.list(1, structure, len(g.chunks), func(i int) { f.fields(w.chunk(g, i)) })
		f.integer(2, total)
		f.integer(3, int64(g.rows))
	}
}

func (w *Writer) chunk(g writtenGroup, i int) func(f *fieldEncoder) {
	column, chunk := w.columns[i], g.chunks[i]
	names := strings.Split(column.Path, ".")
	encodings := []int64{encodingPlain, encodingRLE}
	return func(f *fieldEncoder) {
		f.integer(2, chunk.start)
		f.structure(3, func(f *fieldEncoder) {
			f.small(1, int(column.Type))
			f.list(2, int32Kind, len(encodings), func(i int) { f.varint(encodings[i]) })
			f.list(3, binaryKind, len(names), func(i int) { f.text(names[i]) })
			f.small(4, int(uncompressed))
			f.integer(5, int64(g.rows))
			f.integer(6, chunk.length)
			f.integer(7, chunk.length)
			f.integer(9, chunk.start)
		})
	}
}
