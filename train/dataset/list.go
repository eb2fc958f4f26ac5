package dataset

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"convgraph/internal/file"
	"convgraph/picture"
)

// listedFile is a picture file in a list.
type listedFile struct {
	root  string // the list's folder
	name  string // as the list has it
	class int32
}

// listedFiles is the store of a CSV or JSON Lines file.
type listedFiles []listedFile

func (f listedFiles) Len() int         { return len(f) }
func (f listedFiles) label(i int) int  { return int(f[i].class) }
func (f listedFiles) key(i int) string { return filepath.ToSlash(f[i].name) }
func (f listedFiles) size(i int) int64 { return sizeOf(f.path(i)) }

func (f listedFiles) path(i int) string {
	if filepath.IsAbs(f[i].name) {
		return f[i].name
	}
	return filepath.Join(f[i].root, f[i].name)
}

func (f listedFiles) decode(i int) (image.Image, error) { return picture.Open(f.path(i)) }

func (f listedFiles) copyTo(w io.Writer, i int) error { return copyFile(w, f.path(i)) }

// isAboutOne: a list may name a folder that doesn't exist, so only the loss of the list's own
// folder, or of the one of an absolute path, is the loss of all.
func (f listedFiles) isAboutOne(i int, err error) bool {
	if filepath.IsAbs(f[i].name) {
		return isAboutFile(filepath.Dir(f[i].name), err)
	}
	return isAboutFile(f[i].root, err)
}

func (f listedFiles) pick(indices []int) store { return pickFrom(f, indices) }

// maxLine bounds a line of a list, so that a file without line ends isn't held in memory.
const maxLine = 1 << 20

// The names of columns. A list has a path and a label, and may have a split.
var (
	pathColumns  = []string{"path", "file_name", "filename", "file", "image"}
	labelColumns = []string{"label", "class", "labels"}
	splitColumns = []string{"split", "set"}
)

// listReader reads the lines of a list.
type listReader struct {
	path    string
	options PictureOptions
	labels  *labelTexts
	leftOut *leftOuts
	files   listedFiles
	splits  []split
}

// isList reports whether a name is a list's, and returns its reader.
func isList(name string) (read func(*listReader, io.Reader) error, ok bool) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return (*listReader).readCSV, true
	case ".jsonl", ".ndjson":
		return (*listReader).readJSON, true
	}
	return nil, false
}

func (l *listReader) read(read func(*listReader, io.Reader) error) error {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := read(l, withoutMark(&lineLimit{r: f})); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	return nil
}

// withoutMark skips a byte-order mark at the beginning of a text.
func withoutMark(r io.Reader) io.Reader {
	text := bufio.NewReader(r)
	if start, _ := text.Peek(len(file.ByteOrderMark)); string(start) == file.ByteOrderMark {
		_, _ = text.Discard(len(start))
	}
	return text
}

func (l *listReader) readCSV(r io.Reader) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return err
	}
	header = slices.Clone(header)
	path, label := columnOf(header, pathColumns), columnOf(header, l.labelColumns())
	if path < 0 || label < 0 {
		return fmt.Errorf("line 1: got the columns %q, want one of %q and one of %q",
			header, pathColumns, l.labelColumns())
	}
	part := columnOf(header, splitColumns)
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		split := ""
		if part >= 0 {
			split = row[part]
		}
		line, _ := rows.FieldPos(0)
		if err := l.add(strings.Clone(row[path]), row[label], split); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func (l *listReader) labelColumns() []string {
	if l.options.LabelColumn != "" {
		return []string{l.options.LabelColumn}
	}
	return labelColumns
}

// columnOf returns the column of the first name that occurs, or -1.
func columnOf(header, names []string) int {
	for _, name := range names {
		for i, title := range header {
			if strings.EqualFold(strings.TrimSpace(title), name) {
				return i
			}
		}
	}
	return -1
}

func (l *listReader) readJSON(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine+1)
	for line := 1; lines.Scan(); line++ {
		if err := lines.Err(); err != nil { // the line is cut off
			return err
		}
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		var path, label, split jsonLabel
		for _, f := range []struct {
			into  *jsonLabel
			names []string
		}{{&path, pathColumns}, {&label, l.labelColumns()}, {&split, splitColumns}} {
			if i := slices.IndexFunc(f.names, func(name string) bool { return fields[name] != nil }); i >= 0 {
				if err := f.into.UnmarshalJSON(fields[f.names[i]]); err != nil {
					return fmt.Errorf("line %d: %w", line, err)
				}
			}
		}
		if path == "" {
			return fmt.Errorf("line %d: got no path, want a text in one of %q", line, pathColumns)
		}
		if err := l.add(string(path), string(label), string(split)); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return lines.Err()
}

func (l *listReader) add(path, label, part string) error {
	local := filepath.FromSlash(path)
	if !l.options.AnyPath && !filepath.IsLocal(local) {
		return fmt.Errorf("got path %q, want one in the list's folder", path)
	}
	if strings.ContainsRune(path, 0) {
		return fmt.Errorf("got path %q, want one without a zero byte", path)
	}
	label = strings.TrimSpace(label)
	if label == "" || label == "-1" {
		l.leftOut.add(l.path, unlabelled, path)
		return nil
	}
	s, known := splitCalled(part)
	if !known && part != "" {
		return fmt.Errorf("got split %q, want train, validation or test", part)
	}
	l.files = append(l.files, listedFile{root: filepath.Dir(l.path), name: local})
	l.splits = append(l.splits, s)
	l.labels.add(label)
	return nil
}

// lineLimit reads a text, and rejects lines that are too long.
type lineLimit struct {
	r    io.Reader
	line int // bytes since the last end of line
}

func (l *lineLimit) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(len(p), maxLine)])
	if i := strings.LastIndexByte(string(p[:n]), '\n'); i >= 0 {
		l.line = n - 1 - i
	} else {
		l.line += n
	}
	if l.line > maxLine {
		return 0, fmt.Errorf("got a line of more than %d bytes", maxLine)
	}
	return n, err
}
