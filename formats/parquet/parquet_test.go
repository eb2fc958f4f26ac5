package parquet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	return f
}

// all reads a column's values from all row groups and pages, and the sizes of the pages in rows.
func all(f *File, path string) (values []string, pages []int, err error) {
	c, found := f.Column(path)
	if !found {
		return nil, nil, fmt.Errorf("no column %q", path)
	}
	for g := range f.Groups() {
		list, err := f.Pages(g, c)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range list {
			v, err := f.Read(p)
			if err != nil {
				return nil, nil, err
			}
			pages = append(pages, p.Rows)
			for i := range p.Rows {
				switch {
				case v.Null != nil && v.Null[i]:
					values = append(values, "null")
				case v.Bytes != nil:
					values = append(values, string(v.Bytes[i]))
				default:
					values = append(values, fmt.Sprint(v.Ints[i]))
				}
			}
		}
	}
	return values, pages, nil
}

// rows are what testdata/make_parquet.py writes.
func rows() (images, paths, labels []string) {
	for i := range 40 {
		image, path := string(bytes.Repeat([]byte{byte(i)}, 3+i%7)), fmt.Sprintf("p%d", i/5)
		if i%11 == 10 {
			image, path = "null", "null"
		}
		images, paths, labels = append(images, image), append(paths, path), append(labels, fmt.Sprint(i%10))
	}
	return images, paths, labels
}

// TestFilesOfOtherPrograms reads what pyarrow, Polars and DuckDB write.
func TestFilesOfOtherPrograms(t *testing.T) {
	files, err := filepath.Glob("testdata/*.parquet")
	require.NoError(t, err)
	require.Len(t, files, 9)
	images, paths, labels := rows()
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		f := open(t, data)
		assert.Equal(t, 40, f.Rows())
		for path, want := range map[string][]string{"image.bytes": images, "image.path": paths, "label": labels} {
			got, pages, err := all(f, path)
			if filepath.Base(file) == "brotli.parquet" {
				assert.ErrorContains(t, err, "BROTLI: want none, SNAPPY, GZIP or ZSTD")
				continue
			}
			require.NoError(t, err, "%s: %s", file, path)
			assert.Equal(t, want, got, "%s: %s", file, path)
			if filepath.Base(file) == "pages.parquet" && path == "image.bytes" {
				assert.Greater(t, len(pages), 5)
			}
		}
	}
}

func TestMetadata(t *testing.T) {
	data, err := os.ReadFile("testdata/plain.parquet")
	require.NoError(t, err)
	f := open(t, data)
	assert.Equal(t, `{"info": {}}`, f.Metadata["huggingface"])
	assert.Equal(t, 3, f.Groups())
	paths := []string{}
	for _, c := range f.Columns {
		paths = append(paths, fmt.Sprint(c.Path, " ", c.Type))
	}
	assert.Equal(t, []string{"image.bytes BYTE_ARRAY", "image.path BYTE_ARRAY", "label INT64"}, paths)
}

var written = []Column{{Path: "image.bytes", Type: ByteArray}, {Path: "image.path", Type: ByteArray, Text: true},
	{Path: "label", Type: Int64}}

func write(t testing.TB, groups ...[]Values) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, written, map[string]string{"huggingface": "{}", "a": "b"})
	require.NoError(t, err)
	for _, g := range groups {
		require.NoError(t, w.WriteGroup(g))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestWriterAndReader writes pages of several sizes with nulls and reads them.
func TestWriterAndReader(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var groups [][]Values
	var images, labels []string
	for _, n := range []int{1, 20, 300} {
		g := []Values{
			{Bytes: make([][]byte, n), Null: make([]bool, n)}, {Bytes: make([][]byte, n)}, {Ints: make([]int64, n)},
		}
		for i := range n {
			g[0].Bytes[i] = make([]byte, rng.IntN(20_000))
			g[0].Null[i] = rng.IntN(5) == 0
			g[1].Bytes[i] = []byte("x")
			g[2].Ints[i] = rng.Int64() - rng.Int64()
			image := string(g[0].Bytes[i])
			if g[0].Null[i] {
				image = "null"
			}
			images, labels = append(images, image), append(labels, fmt.Sprint(g[2].Ints[i]))
		}
		groups = append(groups, g)
	}
	data := write(t, groups...)
	assert.Equal(t, data, write(t, groups...))
	f := open(t, data)
	assert.Equal(t, map[string]string{"huggingface": "{}", "a": "b"}, f.Metadata)
	got, pages, err := all(f, "image.bytes")
	require.NoError(t, err)
	assert.Equal(t, images, got)
	assert.Greater(t, len(pages), 4)
	got, _, err = all(f, "label")
	require.NoError(t, err)
	assert.Equal(t, labels, got)
}

func TestWriterRefuses(t *testing.T) {
	_, err := NewWriter(&bytes.Buffer{}, []Column{{Path: "a.b.c", Type: ByteArray}}, nil)
	require.ErrorContains(t, err, "want a path of one or two names")
	_, err = NewWriter(&bytes.Buffer{}, []Column{{Path: "a", Type: Float}}, nil)
	require.ErrorContains(t, err, "BYTE_ARRAY or INT64")
	w, err := NewWriter(&bytes.Buffer{}, written, nil)
	require.NoError(t, err)
	require.ErrorContains(t, w.WriteGroup(nil), "got 0 columns, want 3")
	require.ErrorContains(t,
		w.WriteGroup([]Values{{Bytes: make([][]byte, 2)}, {Bytes: make([][]byte, 1)}, {Ints: make([]int64, 2)}}),
		`column "image.path": got 1 rows, want 2`)
}

// TestHybrid decodes the specification's example, 0 to 7 packed in three bits, and a run.
func TestHybrid(t *testing.T) {
	got, err := hybrid([]byte{3, 0x88, 0xc6, 0xfa, 10, 7}, 3, 12)
	require.NoError(t, err)
	assert.Equal(t, []uint32{0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7}, got)
	for _, cut := range [][]byte{{}, {3, 1}, {0, 1}, {1}, {10}, {0x80}} {
		_, err := hybrid(cut, 3, 8)
		assert.ErrorIs(t, err, errValuesCutOff, "%v", cut)
	}
	_, err = hybrid([]byte{3, 1}, 33, 8)
	assert.ErrorContains(t, err, "33 bits")
	got, err = hybrid([]byte{200, 1}, 0, 5)
	require.NoError(t, err)
	assert.Equal(t, make([]uint32, 5), got)
}

// TestDeltas decodes the specification's two examples.
func TestDeltas(t *testing.T) {
	for want, data := range map[string][]byte{
		"[1 2 3 4 5]":            {128, 1, 4, 5, 2, 2, 0, 0, 0, 0},
		"[7 5 3 1 2 3 4 5]":      {128, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0},
		"[-9223372036854775808]": append([]byte{128, 1, 4, 1}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	} {
		var n int
		for range bytes.Fields([]byte(want)) {
			n++
		}
		got, _, err := deltas(data, n)
		require.NoError(t, err, want)
		assert.Equal(t, want, fmt.Sprint(got))
		for cut := range len(data) - 8 {
			_, _, err := deltas(data[:cut], n)
			assert.Error(t, err)
		}
	}
}

// claim is a Parquet file with a footer of its own and nothing before it.
func claim(before []byte, write func(f *fieldEncoder)) []byte {
	var footer encoder
	footer.fields(write)
	data := slices.Concat([]byte(magic), before, footer.data)
	n := len(footer.data)
	return append(append(data, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)), magic...)
}

// schemaOf declares one column of byte arrays.
func schemaOf(f *fieldEncoder) {
	nodes := []func(f *fieldEncoder){
		func(f *fieldEncoder) { f.string(4, "root"); f.small(5, 1) },
		func(f *fieldEncoder) { f.small(1, int(ByteArray)); f.small(3, required); f.string(4, "v") },
	}
	f.list(2, structure, 2, func(i int) { f.fields(nodes[i]) })
}

// oneGroup declares a row group of rows with a chunk of length bytes at byte 4.
func oneGroup(f *fieldEncoder, rows, length int64, c codec) {
	f.list(4, structure, 1, func(int) {
		f.fields(func(f *fieldEncoder) {
			f.list(1, structure, 1, func(int) {
				f.fields(func(f *fieldEncoder) {
					f.structure(3, func(f *fieldEncoder) {
						f.small(1, int(ByteArray))
						f.small(4, int(c))
						f.integer(5, rows)
						f.integer(7, length)
						f.integer(9, 4)
					})
				})
			})
			f.integer(3, rows)
		})
	})
}

// page is a data page of version 1 whose header says what it is told.
func page(body []byte, size, packed, values, encoding int) []byte {
	var header encoder
	header.fields(func(f *fieldEncoder) {
		f.small(1, dataPage)
		f.small(2, size)
		f.small(3, packed)
		f.structure(5, func(f *fieldEncoder) { f.small(1, values); f.small(2, encoding) })
	})
	return append(header.data, body...)
}

// single is a file of one page.
func single(p []byte, rows int64, c codec) []byte {
	return claim(p, func(f *fieldEncoder) {
		schemaOf(f)
		f.integer(3, rows)
		oneGroup(f, rows, int64(len(p)), c)
	})
}

// liars are files that claim more than they have.
func liars() map[string][]byte {
	many := binaryUvarint(1 << 31)
	return map[string][]byte{
		"a list of 2^31 nodes": claim(nil,
			func(f *fieldEncoder) { f.head(2, list); f.data = append(append(f.data, 0xfc), many...) }),
		"a name of 2^31 bytes": claim(nil,
			func(f *fieldEncoder) { f.head(6, binaryKind); f.data = append(f.data, many...) }),
		"2^40 rows": claim(nil,
			func(f *fieldEncoder) { schemaOf(f); f.integer(3, 1<<40); oneGroup(f, 1<<40, 0, 0) }),
		"a footer larger than it": append([]byte(magic+"xxxx"), "\xff\xff\xff\x0fPAR1"...),
		"a page of 1 GiB":         single(page(make([]byte, 100), 1<<30, 100, 4, 0), 4, snappyCodec),
		"a page beyond the chunk": single(page(make([]byte, 100), 1<<30, 1<<30, 4, 0), 4, 0),
		"a value of 4 GiB":        single(page([]byte{255, 255, 255, 255, 1, 2, 3, 4}, 8, 8, 1, 0), 1, 0),
		"values cut off":          single(page([]byte{1, 0, 0, 0, 7}, 5, 5, 2, 0), 2, 0),
		"a negative size":         single(page(nil, -5, -5, 2, 0), 2, 0),
		"no dictionary":           single(page(make([]byte, 8), 8, 8, 2, 8), 2, 0),
		"gzip of zeros":           single(page([]byte("\x1f\x8b"), 1<<20, 2, 2, 0), 2, gzipCodec),
	}
}

func binaryUvarint(v uint64) []byte {
	var e encoder
	e.data = append(e.data, 0x80|byte(v), 0x80|byte(v>>7), 0x80|byte(v>>14), 0x80|byte(v>>21), byte(v>>28))
	return e.data
}

// readAll reads all columns and counts what that allocates.
func readAll(data []byte) (allocated uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = readColumns(data)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

func readColumns(data []byte) error {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, c := range f.Columns {
		if _, _, err := all(f, c.Path); err != nil {
			return err
		}
	}
	return nil
}

// TestLiesCostNoMemory reads files of some hundred bytes that claim to be huge.
func TestLiesCostNoMemory(t *testing.T) {
	for what, data := range liars() {
		allocated, err := readAll(data)
		require.Error(t, err, what)
		assert.Less(t, allocated, uint64(1<<20), what)
	}
	allocated, err := readAll(single(page([]byte{1, 0, 0, 0, 7}, 5, 5, 1, 0), 1, 0))
	require.NoError(t, err, "the files are well made but for what is wrong with them")
	assert.Less(t, allocated, uint64(1<<20))
}

// TestCorruptFilesGiveErrors changes and cuts off files at every byte: an error or other values, no
// panic.
func TestCorruptFilesGiveErrors(t *testing.T) {
	for _, name := range []string{"snappy", "gzip", "zstd", "plain", "delta", "duckdb", "polars"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		require.NoError(t, err)
		for i := range data {
			for _, flip := range []byte{1, 0x80, 0xff} {
				changed := bytes.Clone(data)
				changed[i] ^= flip
				_ = readColumns(changed)
			}
			require.Error(t, readColumns(data[:i]))
		}
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.parquet")
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, data := range liars() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		allocated, _ := readAll(data)
		if allocated > 64<<20+1000*uint64(len(data)) {
			t.Fatalf("%d bytes made it allocate %d", len(data), allocated)
		}
	})
}
