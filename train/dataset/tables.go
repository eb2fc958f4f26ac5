package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"convgraph/formats/parquet"
	"convgraph/picture"
)

// tableRow is a picture in a Parquet file.
type tableRow struct {
	page, row int32 // of the page
	class     int32
}

// tablePage is a page of encoded pictures.
type tablePage struct {
	parquet.Page
	table *table
	first int // row of the file
}

// tableRows is the store of Parquet files.
type tableRows struct {
	rows  []tableRow
	pages []tablePage // shared, as the cache is, by training and test set
	cache *pageCache
}

func (t *tableRows) Len() int        { return len(t.rows) }
func (t *tableRows) label(i int) int { return int(t.rows[i].class) }

func (t *tableRows) path(i int) string {
	return t.page(i).table.path + ": row " + strconv.Itoa(t.row(i))
}

func (t *tableRows) key(i int) string {
	return filepath.Base(t.page(i).table.path) + "/" + strconv.Itoa(t.row(i))
}

// size returns the row's share of its page.
func (t *tableRows) size(i int) int64 { return int64(t.page(i).Size / t.page(i).Rows) }

func (t *tableRows) page(i int) *tablePage { return &t.pages[t.rows[i].page] }

// row returns picture i's row in its file.
func (t *tableRows) row(i int) int { return t.page(i).first + int(t.rows[i].row) }

// encoded returns the content of picture i.
func (t *tableRows) encoded(i int) ([]byte, error) {
	values, err := t.cache.get(int(t.rows[i].page))
	if err != nil {
		return nil, err
	}
	data := values[t.rows[i].row]
	if data == nil {
		return nil, errors.New("the row has no picture")
	}
	return data, nil
}

func (t *tableRows) decode(i int) (image.Image, error) {
	data, err := t.encoded(i)
	if err != nil {
		return nil, err
	}
	return picture.Decode(data)
}

// copyTo writes nothing for a corrupt page.
func (t *tableRows) copyTo(w io.Writer, i int) error {
	data, err := t.encoded(i)
	if errors.Is(err, picture.ErrFile) {
		return err
	}
	if err == nil {
		_, err = w.Write(data)
		return err
	}
	return nil
}

func (*tableRows) isAboutOne(int, error) bool { return false }

func (t *tableRows) pick(indices []int) store {
	return &tableRows{rows: pickFrom(t.rows, indices), pages: t.pages, cache: t.cache}
}

func (t *tableRows) setLabels(labels []int32) {
	for i, label := range labels {
		t.rows[i].class = label
	}
}

func (t *tableRows) chunkOf(i int) int          { return int(t.rows[i].page) }
func (t *tableRows) chunkBytes(chunk int) int64 { return int64(t.pages[chunk].Size) }

// table is a Parquet file.
type table struct {
	path string
	file *parquet.File
}

// reopened reads a file that is open only while it is read: a set may have thousands of files.
type reopened struct {
	path string
	open *os.File // while it is read for the first time
}

func (r *reopened) ReadAt(p []byte, offset int64) (int, error) {
	if r.open != nil {
		return r.open.ReadAt(p, offset)
	}
	file, err := os.Open(r.path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return file.ReadAt(p, offset)
}

// tableReader reads everything in a file but the pictures.
type tableReader struct {
	*archives
	table         *table
	image, labels parquet.Column
	names         []string // of the classes, if the file declares them
	row           int      // in the file, of the next row
	into          *tableRows
	split         split
}

func (a *archives) readTables(files []archive) error {
	into := &tableRows{}
	for _, f := range files {
		r := &tableReader{archives: a, into: into, split: splitOf(f.within)}
		if err := r.read(f.path); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if into.Len() > 0 && a.names != nil && !slices.Equal(a.names, r.names) {
			return fmt.Errorf("%s: got classes %q, want those of the files before it, %q", f.path, r.names, a.names)
		}
		a.names = r.names
	}
	into.cache = newPageCache(2*a.options.Window,
		func(page int) ([][]byte, int64, error) { return into.pages[page].read() })
	a.store = into
	return nil
}

func (r *tableReader) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	disk := &reopened{path: path, open: file}
	defer func() { disk.open = nil }()
	r.table = &table{path: path}
	if r.table.file, err = parquet.Open(disk, info.Size()); err != nil {
		return err
	}
	if err := r.chooseColumns(); err != nil {
		return err
	}
	for group := range r.table.file.Groups() {
		if err := r.readGroup(group); err != nil {
			return err
		}
	}
	return nil
}

// readGroup lists the rows of a row group that have a label.
func (r *tableReader) readGroup(group int) error {
	labels, err := r.readLabels(group)
	if err != nil {
		return err
	}
	pages, err := r.table.file.Pages(group, r.image)
	if err != nil {
		return err
	}
	done := 0
	for _, p := range pages {
		page := int32(len(r.into.pages))
		r.into.pages = append(r.into.pages, tablePage{Page: p, table: r.table, first: r.row})
		for k, text := range labels[done : done+p.Rows] {
			if text == "" || strings.HasPrefix(text, "-") {
				r.archives.leftOut.add(r.table.path, unlabelled, fmt.Sprintf("row %d", r.row+k))
				continue
			}
			r.archives.labels.add(text)
			r.into.rows = append(r.into.rows, tableRow{page: page, row: int32(k)})
			r.addSplit(r.split, 1)
		}
		done, r.row = done+p.Rows, r.row+p.Rows
	}
	return nil
}

// readLabels returns the labels of a row group's rows as texts, "" for none.
func (r *tableReader) readLabels(group int) (texts []string, err error) {
	pages, err := r.table.file.Pages(group, r.labels)
	if err != nil {
		return nil, err
	}
	for _, p := range pages {
		values, err := r.table.file.Read(p)
		if err != nil {
			return nil, err
		}
		for i := range p.Rows {
			switch {
			case values.Null != nil && values.Null[i]:
				texts = append(texts, "")
			case values.Bytes != nil:
				texts = append(texts, string(values.Bytes[i]))
			default:
				texts = append(texts, strconv.FormatInt(values.Ints[i], 10))
			}
		}
	}
	return texts, nil
}

// read reads the encoded pictures of a page. Errors of the file system are picture.ErrFile.
func (p *tablePage) read() (pictures [][]byte, bytes int64, err error) {
	values, err := p.table.file.Read(p.Page)
	var failed *os.PathError
	if errors.As(err, &failed) {
		return nil, 0, fmt.Errorf("%w: %w", picture.ErrFile, failed)
	}
	return values.Bytes, int64(p.Size), err
}

// feature is a column in the metadata of Hugging Face's datasets.
type feature struct {
	Type  string   `json:"_type"`
	Names []string `json:"names"`
}

// features parses a file's metadata. There may be none.
func features(f *parquet.File) map[string]feature {
	var metadata struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(f.Metadata["huggingface"]), &metadata) != nil {
		return nil
	}
	all := map[string]feature{}
	for name, data := range metadata.Info.Features {
		var one feature
		if json.Unmarshal(data, &one) == nil { // a list of features is another form
			all[name] = one
		}
	}
	return all
}

// The usual names of columns, for files whose metadata don't declare them.
var (
	imageColumns      = []string{"image", "img", "picture", "jpg", "png"}
	tableLabelColumns = []string{"label", "labels", "class", "fine_label"}
)

// chooseColumns finds the columns of the pictures and of the labels.
func (r *tableReader) chooseColumns() (err error) {
	declared := features(r.table.file)
	pictures := namesOf(declared, "Image", imageColumns)
	if r.image, err = r.oneOf("pictures", pictures, func(name string) (parquet.Column, bool) {
		if c, found := r.table.file.Column(name + ".bytes"); found {
			return c, c.Type == parquet.ByteArray
		}
		c, found := r.table.file.Column(name)
		return c, found && c.Type == parquet.ByteArray && !c.Text
	}); err != nil {
		return err
	}
	labels := namesOf(declared, "ClassLabel", tableLabelColumns)
	if r.options.LabelColumn != "" {
		labels = []string{r.options.LabelColumn}
	}
	if r.labels, err = r.oneOf("labels", labels, func(name string) (parquet.Column, bool) {
		c, found := r.table.file.Column(name)
		return c, found && (c.Type == parquet.ByteArray || c.Type == parquet.Int32 || c.Type == parquet.Int64)
	}); err != nil {
		return err
	}
	r.names = declared[r.labels.Path].Names
	return nil
}

// namesOf returns the columns of a declared type, the usual names first, and then the usual names.
func namesOf(declared map[string]feature, kind string, usual []string) (names []string) {
	for name, f := range declared {
		if f.Type == kind {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		rank := func(name string) int {
			if i := slices.Index(usual, name); i >= 0 {
				return i
			}
			return len(usual)
		}
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return append(names, usual...)
}

// oneOf returns the first of the named columns that can be read.
func (r *tableReader) oneOf(what string, names []string,
	find func(name string) (parquet.Column, bool)) (parquet.Column, error) {
	for _, name := range names {
		if c, found := find(name); found {
			return c, nil
		}
	}
	var have []string
	for _, c := range r.table.file.Columns {
		have = append(have, c.Path)
	}
	return parquet.Column{},
		fmt.Errorf("found no column of %s: got %s, want one of %s", what, abbreviate(have), abbreviate(names))
}
