package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// A Page is a range of rows of one column, stored together.
type Page struct {
	Rows int
	Size int // unpacked bytes, including its dictionary

	column Column
	codec  codec
	data   span
	dict   span // empty without a dictionary
	header pageHeader
	values int // of the dictionary
}

// A span is the position of a page's bytes in the file.
type span struct {
	offset       int64
	packed, size int
}

const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPageV2     = 3
)

// A pageHeader precedes a page in the file.
type pageHeader struct {
	kind             int
	size, packed     int
	values           int
	encoding, levels int  // of values and of definition levels
	hasHeader        bool // the header of its kind is present
	// version 2
	nulls, rows                      int
	definitionBytes, repetitionBytes int
	plain                            bool // the values aren't compressed
}

const (
	// firstHeader is the number of bytes read to decode a page's header. Statistics may make it
	// longer, up to maxHeader.
	firstHeader = 256
	maxHeader   = 16 << 20
	// maxPage is the largest page read. Writers aim at 1 MiB; a page has at least one value.
	maxPage = 1 << 30
)

// Pages returns the pages of a column in a row group, in the order of the rows. It reads only their
// headers.
func (f *File) Pages(groupIndex int, column Column) ([]Page, error) {
	if column.repeated {
		return nil, fmt.Errorf("column %q has any number of values in a row, want one", column.Path)
	}
	g := f.groups[groupIndex]
	pages, err := f.pages(g, g.chunks[column.index], column)
	if err != nil {
		return nil, fmt.Errorf("row group %d, column %q: %w", groupIndex, column.Path, err)
	}
	return pages, nil
}

func (f *File) pages(g group, c chunk, column Column) (pages []Page, err error) {
	rows := int64(0)
	var dict Page
	for at := c.start; at < c.end && rows < g.rows; {
		h, length, err := f.header(at, c.end)
		if err != nil {
			return nil, fmt.Errorf("page at byte %d: %w", at, err)
		}
		data := span{offset: at + int64(length), packed: h.packed, size: h.size}
		p := Page{column: column, codec: c.codec, header: h, data: data}
		at += int64(length) + int64(h.packed)
		switch h.kind {
		case dictionaryPage:
			dict = p
		case dataPage, dataPageV2:
			p.Rows, p.Size, p.dict, p.values = h.values, h.size+dict.data.size, dict.data, dict.header.values
			pages = append(pages, p)
			rows += int64(h.values)
		}
	}
	if rows != g.rows {
		return nil, fmt.Errorf("got pages of %d rows, want %d", rows, g.rows)
	}
	return pages, nil
}

// header decodes the header at an offset, and returns its length.
func (f *File) header(at, end int64) (h pageHeader, length int, err error) {
	for room := int64(firstHeader); ; room *= 16 {
		data := make([]byte, min(room, end-at, maxHeader))
		if err := readAt(f.r, data, at); err != nil {
			return h, 0, err
		}
		d := &decoder{data: data}
		h = d.pageHeader()
		if d.err == nil {
			length = len(data) - len(d.data)
			return h, length, h.check(end - at - int64(length))
		}
		if !errors.Is(d.err, errCutOff) || int64(len(data)) < room {
			return h, 0, d.err
		}
	}
}

func (d *decoder) pageHeader() (h pageHeader) {
	d.fields(func(id int64, k kind) bool {
		switch {
		case id == 1:
			return d.small(k, &h.kind)
		case id == 2:
			return d.small(k, &h.size)
		case id == 3:
			return d.small(k, &h.packed)
		case (id == 5 || id == 7) && k == structure:
			d.version1(&h)
			return true
		case id == 8 && k == structure:
			d.version2(&h)
			return true
		}
		return false
	})
	return h
}

// version1 reads the header of a data page of version 1 or of a dictionary, which has no levels.
func (d *decoder) version1(h *pageHeader) {
	h.hasHeader = true
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			return d.small(k, &h.values)
		case 2:
			return d.small(k, &h.encoding)
		case 3:
			return d.small(k, &h.levels)
		}
		return false
	})
}

func (d *decoder) version2(h *pageHeader) {
	h.hasHeader, h.levels = true, encodingRLE
	packed := true
	d.fields(func(id int64, k kind) bool {
		switch id {
		case 1:
			return d.small(k, &h.values)
		case 2:
			return d.small(k, &h.nulls)
		case 3:
			return d.small(k, &h.rows)
		case 4:
			return d.small(k, &h.encoding)
		case 5:
			return d.small(k, &h.definitionBytes)
		case 6:
			return d.small(k, &h.repetitionBytes)
		case 7:
			return d.boolean(k, &packed)
		}
		return false
	})
	h.plain = !packed
}

// check compares a header with the number of bytes left for its page.
func (h pageHeader) check(left int64) error {
	switch {
	case h.packed < 0 || int64(h.packed) > left:
		return fmt.Errorf("got %d bytes, want at most %d, which are left", h.packed, left)
	case h.size < 0 || h.size > maxPage || h.size > freeExpansion && h.size > maxExpansion*h.packed:
		return fmt.Errorf("got %d bytes that claim to unpack to %d: refused as made to exhaust memory",
			h.packed, h.size)
	case h.kind == indexPage:
		return nil
	case !h.hasHeader:
		return fmt.Errorf("got page type %d, want 0, 2 or 3 with its header", h.kind)
	case h.values < 0:
		return fmt.Errorf("got %d values", h.values)
	case h.kind == dictionaryPage && h.values > h.size: // a value of a dictionary has at least a byte
		return fmt.Errorf("got a dictionary of %d values in %d bytes", h.values, h.size)
	case h.definitionBytes < 0 || h.repetitionBytes < 0 || h.definitionBytes+h.repetitionBytes > min(h.packed, h.size):
		return fmt.Errorf("got levels of %d and %d bytes in a page of %d",
			h.definitionBytes, h.repetitionBytes, h.packed)
	}
	return nil
}

// Values are the values of some rows: Bytes for a column of byte arrays, Ints for one of whole
// numbers. Rows without a value have the zero value in Bytes or Ints. All Bytes share a few blocks
// of memory.
type Values struct {
	Bytes [][]byte
	Ints  []int64
	Null  []bool // nil if no row is null
}

// Read reads the values of a page of a column of byte arrays or whole numbers.
func (f *File) Read(p Page) (Values, error) {
	v, err := f.read(p)
	if err != nil {
		return Values{}, fmt.Errorf("column %q, page at byte %d: %w", p.column.Path, p.data.offset, err)
	}
	return v, nil
}

func (f *File) read(p Page) (v Values, err error) {
	levels, body, err := f.split(p)
	if err != nil {
		return v, err
	}
	null, present, err := p.nulls(levels)
	if err != nil {
		return v, err
	}
	dense, err := f.dense(p, body, present)
	if err != nil {
		return v, err
	}
	return spread(p.column.Type, dense, null), nil
}

// split reads a data page and separates its definition levels from its values.
func (f *File) split(p Page) (levels, body []byte, err error) {
	raw := make([]byte, p.data.packed)
	if err := readAt(f.r, raw, p.data.offset); err != nil {
		return nil, nil, err
	}
	h := p.header
	if h.kind == dataPageV2 { // the levels come first and aren't compressed
		both := h.repetitionBytes + h.definitionBytes
		levels, raw = raw[h.repetitionBytes:both], raw[both:]
		if h.plain {
			return levels, raw, nil
		}
		body, err = p.codec.unpack(raw, h.size-both)
		return levels, body, err
	}
	body, err = p.codec.unpack(raw, h.size)
	if err != nil || p.column.levels == 0 {
		return nil, body, err
	}
	if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
		return nil, nil, errors.New("its definition levels exceed the page")
	}
	n := 4 + int(binary.LittleEndian.Uint32(body))
	return body[4:n], body[n:], nil
}

// nulls finds the rows without a value: those whose definition level is below the column's.
func (p Page) nulls(levels []byte) (null []bool, present int, err error) {
	if p.column.levels == 0 {
		return nil, p.Rows, nil
	}
	if p.header.levels != encodingRLE {
		return nil, 0, fmt.Errorf("its definition levels are encoded as %s, want RLE", encodingName(p.header.levels))
	}
	decoded, err := hybrid(levels, bits.Len(uint(p.column.levels)), p.Rows)
	if err != nil {
		return nil, 0, fmt.Errorf("definition levels: %w", err)
	}
	null = make([]bool, p.Rows)
	for i, level := range decoded {
		null[i] = int(level) < p.column.levels
		if !null[i] {
			present++
		}
	}
	if present == p.Rows {
		return nil, present, nil
	}
	return null, present, nil
}

// dense decodes the values of the rows that have one.
func (f *File) dense(p Page, body []byte, n int) (Values, error) {
	encoding := p.header.encoding
	if encoding != encodingPlainDictionary && encoding != encodingRLEDictionary {
		return decode(p.column.Type, encoding, body, n)
	}
	if p.dict.packed == 0 && p.values > 0 || p.values == 0 && n > 0 {
		return Values{}, errors.New("its dictionary is missing or empty")
	}
	dictionary, err := f.dictionary(p)
	if err != nil {
		return Values{}, fmt.Errorf("dictionary: %w", err)
	}
	return lookup(p.column.Type, dictionary, p.values, body, n)
}

func (f *File) dictionary(p Page) (Values, error) {
	raw := make([]byte, p.dict.packed)
	if err := readAt(f.r, raw, p.dict.offset); err != nil {
		return Values{}, err
	}
	body, err := p.codec.unpack(raw, p.dict.size)
	if err != nil {
		return Values{}, err
	}
	return decode(p.column.Type, encodingPlain, body, p.values)
}

// lookup decodes indices into a dictionary: a byte with their width in bits, then a hybrid.
func lookup(t Type, dictionary Values, size int, body []byte, n int) (v Values, err error) {
	if n == 0 {
		return newValues(t, 0), nil
	}
	if len(body) == 0 {
		return v, errValuesCutOff
	}
	indices, err := hybrid(body[1:], int(body[0]), n)
	if err != nil {
		return v, err
	}
	v = newValues(t, n)
	for i, k := range indices {
		if uint64(k) >= uint64(size) {
			return v, fmt.Errorf("got index %d into a dictionary of %d values", k, size)
		}
		v.set(i, dictionary, int(k))
	}
	return v, nil
}

func newValues(t Type, n int) (v Values) {
	if t == ByteArray {
		v.Bytes = make([][]byte, n)
	} else {
		v.Ints = make([]int64, n)
	}
	return v
}

// set copies value k of another column of the same type to value i.
func (v Values) set(i int, from Values, k int) {
	if v.Bytes != nil {
		v.Bytes[i] = from.Bytes[k]
	} else {
		v.Ints[i] = from.Ints[k]
	}
}

// spread distributes values to the rows that aren't null.
func spread(t Type, dense Values, null []bool) Values {
	if null == nil {
		return dense
	}
	v, k := newValues(t, len(null)), 0
	v.Null = null
	for i, missing := range null {
		if !missing {
			v.set(i, dense, k)
			k++
		}
	}
	return v
}
