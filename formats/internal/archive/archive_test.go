package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/formats/internal/archive"
)

func open(data []byte) ([]archive.Entry, error) {
	return archive.Open(bytes.NewReader(data), int64(len(data)))
}

// pack writes one zip file; body may be shorter than header declares.
func pack(t testing.TB, write func(*zip.Writer)) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	write(w)
	require.NoError(t, w.Close())
	return buffer.Bytes()
}

func rawEntry(t testing.TB, header zip.FileHeader, body []byte) []byte {
	return pack(t, func(w *zip.Writer) {
		entry, err := w.CreateRaw(&header)
		require.NoError(t, err)
		_, err = entry.Write(body)
		require.NoError(t, err)
	})
}

func TestReadStoredAndDeflated(t *testing.T) {
	body := bytes.Repeat([]byte("convolution "), 50)
	data := pack(t, func(w *zip.Writer) {
		for _, method := range []uint16{zip.Store, zip.Deflate} {
			entry, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(method), Method: method})
			require.NoError(t, err)
			_, err = entry.Write(body)
			require.NoError(t, err)
		}
	})
	entries, err := open(data)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	for i, name := range []string{"0", "8"} {
		assert.Equal(t, name, entries[i].Name)
		assert.Equal(t, len(body), entries[i].Size)
		got, err := entries[i].Read()
		require.NoError(t, err)
		assert.Equal(t, body, got)
	}
}

func TestOpenRefuses(t *testing.T) {
	twice := pack(t, func(w *zip.Writer) {
		for range 2 {
			_, err := w.Create("a")
			require.NoError(t, err)
		}
	})
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"no zip file", []byte("\x93NUMPY"), "not a readable zip file of 6 bytes"},
		{"a name twice", twice, `zip file: "a" occurs twice`},
		{
			"encryption",
			rawEntry(t, zip.FileHeader{Name: "a", Flags: 1, CompressedSize64: 1, UncompressedSize64: 1}, []byte{0}),
			`"a": is encrypted`,
		},
		{
			"another compression",
			rawEntry(t, zip.FileHeader{Name: "a", Method: 12, CompressedSize64: 1, UncompressedSize64: 1}, []byte{0}),
			"compression method: got 12",
		},
		{
			"packed size past the file",
			rawEntry(t, zip.FileHeader{Name: "a", CompressedSize64: 1 << 40, UncompressedSize64: 1 << 40}, []byte{0}),
			"packed size: got 1099511627776",
		},
		{
			"stored with two sizes",
			rawEntry(t, zip.FileHeader{Name: "a", CompressedSize64: 1, UncompressedSize64: 1 << 30}, []byte{0}),
			"stored entry: got",
		},
		{"impossible compression", rawEntry(
			t, zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 10, UncompressedSize64: 1 << 30},
			make([]byte, 10),
		), "more than DEFLATE can compress"},
		{"a zip bomb", rawEntry(
			t, zip.FileHeader{Name: "a", Method: zip.Deflate, CompressedSize64: 1 << 17, UncompressedSize64: 100 << 20},
			make([]byte, 1<<17),
		), "refused as a zip bomb"},
		{"files that share bytes", overlapping(t, 20), "refused as a zip bomb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(tt.data)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// overlapping lists one stored file under n names.
func overlapping(t testing.TB, n int) []byte {
	body := bytes.Repeat([]byte{7}, 4000)
	data := rawEntry(
		t, zip.FileHeader{Name: "a", CRC32: crc32.ChecksumIEEE(body), CompressedSize64: 4000, UncompressedSize64: 4000},
		body,
	)
	const endSize = 22
	end := data[len(data)-endSize:]
	directory := data[binary.LittleEndian.Uint32(end[16:]) : len(data)-endSize]
	out := append([]byte{}, data[:len(data)-endSize-len(directory)]...)
	for i := range n {
		record := append([]byte{}, directory...)
		record[46] = byte('a' + i) // the name
		out = append(out, record...)
	}
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(n*len(directory)))
	return append(out, end...)
}

func TestReadRefuses(t *testing.T) {
	body := []byte("some bytes")
	header := zip.FileHeader{
		Name: "a", CRC32: 1, CompressedSize64: uint64(len(body)), UncompressedSize64: uint64(len(body)),
	}
	entries, err := open(rawEntry(t, header, body))
	require.NoError(t, err)
	_, err = entries[0].Read()
	assert.ErrorIs(t, err, zip.ErrChecksum)

	var short bytes.Buffer
	w := zip.NewWriter(&short)
	entry, err := w.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Deflate})
	require.NoError(t, err)
	_, err = entry.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	data := short.Bytes()
	at := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[at+24:], 99) // unpacked size in the directory
	entries, err = open(data)
	require.NoError(t, err)
	_, err = entries[0].Read()
	assert.ErrorContains(t, err, "want 99 bytes")
}

func FuzzOpen(f *testing.F) {
	f.Add(rawEntry(f, zip.FileHeader{Name: "a", CompressedSize64: 1, UncompressedSize64: 1}, []byte{0}))
	f.Add(overlapping(f, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := open(data)
		if err != nil {
			return
		}
		total := 0
		for _, entry := range entries {
			total += entry.Size
			if body, err := entry.Read(); err == nil {
				assert.Len(t, body, entry.Size)
			}
		}
		assert.LessOrEqual(t, total, 64<<20+64*len(data))
	})
}
