package npz_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"codeberg.org/sbinet/npyio/npy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/formats"
	"convgraph/formats/npz"
)

func dense(shape tensor.Shape, backing any) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
}

// npyFile builds the bytes of a version 1.0 file.
func npyFile(header string, body ...byte) []byte {
	data := append([]byte{}, "\x93NUMPY\x01\x00"...)
	data = binary.LittleEndian.AppendUint16(data, uint16(len(header)+1))
	return append(append(append(data, header...), '\n'), body...)
}

func zipFile(t testing.TB, name string, body []byte) []byte {
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	entry, err := w.Create(name)
	require.NoError(t, err)
	_, err = entry.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buffer.Bytes()
}

func TestReadNumPySample(t *testing.T) {
	arrays, err := npz.ReadFile("testdata/sample.npz")
	require.NoError(t, err)
	shape := tensor.Shape{2, 3}
	ramp24 := make([]float32, 24)
	for i := range ramp24 {
		ramp24[i] = float32(i)
	}
	third := func(i float64) float64 { return i / 3 }
	want := []struct {
		name   string
		shape  tensor.Shape
		values any
	}{
		{"W1", shape, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		{"double", shape, []float64{0, third(1), third(2), 1, third(4), third(5)}},
		{"half", shape, []float32{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
		{"big_endian", shape, []float64{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
		{"big_endian_int", shape, []int64{0, 1, 2, 3, 4, 5}},
		{"fortran", tensor.Shape{2, 3, 4}, ramp24},
		{"labels", tensor.Shape{3}, []int64{0, 1, 2}},
		{"int16", shape, []int64{0, -1, -2, -3, -4, -5}},
		{"uint16", shape, []int64{65535, 65534, 65533, 65532, 65531, 65530}},
		{"bytes", shape, []int64{0, 1, 2, 3, 4, 5}},
		{"int8", shape, []int64{0, -1, -2, -3, -4, -5}},
		{"mask", shape, []int64{1, 0, 1, 0, 1, 0}},
		{"scalar", tensor.Shape{}, 7.5},
	}
	require.Len(t, arrays, len(want))
	for i, w := range want {
		assert.Equal(t, w.name, arrays[i].Name)
		assert.Equal(t, w.shape, arrays[i].Value.Shape(), w.name)
		assert.Equal(t, w.values, arrays[i].Value.Data(), w.name)
	}
}

func TestReadCompressed(t *testing.T) {
	arrays, err := npz.ReadFile("testdata/packed.npz")
	require.NoError(t, err)
	require.Len(t, arrays, 2)
	assert.Equal(t, make([]float32, 10000), arrays[0].Value.Data())
	assert.Equal(t, 5.0/3, arrays[1].Value.Data().([]float64)[5])
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arrays []formats.Array
		for i := range rapid.IntRange(0, 4).Draw(t, "arrays") {
			shape := tensor.Shape(rapid.SliceOfN(rapid.IntRange(1, 4), 0, 5).Draw(t, "shape"))
			n := shape.TotalSize()
			a := formats.Array{Name: fmt.Sprintf("%s%d", rapid.StringMatching(`[A-Za-zé/._]{0,8}`).Draw(t, "name"), i)}
			switch rapid.IntRange(0, 2).Draw(t, "dtype") {
			case 0:
				a.Value = dense(shape, rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "f32"))
			case 1:
				a.Value = dense(shape, rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "f64"))
			default:
				a.Value = dense(shape, rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "i64"))
			}
			arrays = append(arrays, a)
		}
		var buffer, again bytes.Buffer
		require.NoError(t, npz.Encode(&buffer, arrays))
		require.NoError(t, npz.Encode(&again, arrays))
		require.Equal(t, buffer.Bytes(), again.Bytes(), "same arrays, same bytes")

		got, err := npz.Decode(buffer.Bytes())
		require.NoError(t, err)
		require.Len(t, got, len(arrays))
		for i, a := range arrays {
			assert.Equal(t, a.Name, got[i].Name)
			assert.Equal(t, a.Value.Shape(), got[i].Value.Shape())
			assert.Equal(t, a.Value.Data(), got[i].Value.Data())
		}
	})
}

// Another implementation reads the files that this package writes.
func TestNpyioReadsOurFiles(t *testing.T) {
	transposed := dense(tensor.Shape{2, 3}, []float32{0, 1, 2, 3, 4, 5})
	require.NoError(t, transposed.T())
	var buffer bytes.Buffer
	require.NoError(t, npz.EncodeNPY(&buffer, transposed))

	reader, err := npy.NewReader(&buffer)
	require.NoError(t, err)
	assert.Equal(t, []int{3, 2}, reader.Header.Descr.Shape)
	assert.False(t, reader.Header.Descr.Fortran)
	values := make([]float32, 6)
	require.NoError(t, reader.Read(&values))
	assert.Equal(t, []float32{0, 3, 1, 4, 2, 5}, values)
}

func TestElementsAreAligned(t *testing.T) {
	for dim := 1; dim < 1e9; dim *= 10 {
		shape := tensor.Shape{1, dim % 7, 1}
		if shape[1] == 0 {
			continue
		}
		var buffer bytes.Buffer
		require.NoError(t, npz.EncodeNPY(&buffer, dense(shape, make([]float64, shape.TotalSize()))))
		assert.Zero(t, (buffer.Len()-8*shape.TotalSize())%64, "shape %v", shape)
	}
}

func TestNPYFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	value := dense(tensor.Shape{2, 2}, []int64{1, -2, 3, -4})
	require.NoError(t, npz.WriteNPYFile(path, value))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	got, err := npz.DecodeNPY(data)
	require.NoError(t, err)
	assert.Equal(t, value.Data(), got.Data())
	assert.Equal(t, value.Shape(), got.Shape())
}

func TestNPYRefusesTypes(t *testing.T) {
	for name, want := range map[string]string{
		"complex": `'<c16': NumPy type: got "c16"`,
		"object":  `'|O': NumPy type: got "O"`,
		"text":    `'<U3': NumPy type: got "U3"`,
		"record":  `dtype: got [('a', '<i4'), ('b', '<f8')], want plain numbers or bool`,
	} {
		data, err := os.ReadFile("testdata/" + name + ".npy")
		require.NoError(t, err)
		_, err = npz.DecodeNPY(data)
		assert.ErrorContains(t, err, want)
	}
}

func TestNPYRefusesHostileFiles(t *testing.T) {
	const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "want a file that begins with"},
		{"other magic", []byte("PK\x03\x04 and more"), "want a file that begins with"},
		{"only magic", []byte("\x93NUMPY\x01\x00"), "want at least 12"},
		{"version 3", append([]byte("\x93NUMPY\x03\x00"), make([]byte, 20)...), "got 3.0, want 1.0 or 2.0"},
		{"header past the end", npyFile(good)[:40], "the rest of the file"},
		{"header of 4 GiB", append([]byte("\x93NUMPY\x02\x00"), 0xff, 0xff, 0xff, 0xff), "more than 10000"},
		{"header without newline", append([]byte("\x93NUMPY\x01\x00\x02\x00"), "{}"...), "malformed"},
		{"no dict", npyFile("hello"), "dictionary format"},
		{"keys in another order", npyFile("{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}"), "malformed"},
		{
			"negative dimension",
			npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", make([]byte, 8)...),
			"dimension 0 is negative",
		},
		{"huge shape", npyFile(
			"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000, 1000000000), }",
			make([]byte, 8)...,
		), "does not fit in memory"},
		{
			"shape past int", npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
			"out of range",
		},
		{
			"more elements than bytes",
			npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", make([]byte, 8)...),
			"got 8 bytes, want 4000000000",
		},
		{"fewer elements than bytes", npyFile(good, make([]byte, 9)...), "got 9 bytes, want 8"},
		{"no elements", npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }"), "dimension 0 is 0"},
		{"a bool of 2", npyFile("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", 2),
			"got bool 2, want 0 or 1"},
		{
			"byte order", npyFile("{'descr': '!f4', 'fortran_order': False, 'shape': (2,), }", make([]byte, 8)...),
			"byte order: got '!'",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := npz.DecodeNPY(tt.data)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestNPZRefuses(t *testing.T) {
	_, err := npz.Decode([]byte("no zip"))
	assert.ErrorContains(t, err, "not a readable zip file")
	_, err = npz.Decode(zipFile(t, "readme.txt", nil))
	assert.ErrorContains(t, err, `got "readme.txt", want NAME.npy`)
	_, err = npz.Decode(zipFile(t, "W1.npy", []byte("junk")))
	assert.ErrorContains(t, err, `array "W1"`)

	one := dense(tensor.Shape{1}, []float32{1})
	err = npz.Encode(&bytes.Buffer{}, []formats.Array{{Name: "a", Value: one}, {Name: "a", Value: one}})
	assert.ErrorContains(t, err, `both called "a"`)
	err = npz.Encode(&bytes.Buffer{}, []formats.Array{{Name: "a", Value: dense(tensor.Shape{1}, []int8{1})}})
	assert.ErrorContains(t, err, `array "a"`)
}

// TestUnreadableBesideArrays: an array of text or of objects refuses no file that has others.
func TestUnreadableBesideArrays(t *testing.T) {
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, name := range []string{"text", "object", "record", "complex"} {
		body, err := os.ReadFile("testdata/" + name + ".npy")
		require.NoError(t, err)
		entry, err := w.Create(name + ".npy")
		require.NoError(t, err)
		_, err = entry.Write(body)
		require.NoError(t, err)
	}
	entry, err := w.Create("x.npy")
	require.NoError(t, err)
	require.NoError(t, npz.EncodeNPY(entry, dense(tensor.Shape{2}, []float32{1, 2})))
	require.NoError(t, w.Close())

	arrays, err := npz.Decode(buffer.Bytes())
	require.NoError(t, err)
	require.Len(t, arrays, 5)
	assert.EqualError(
		t, arrays[0].Err,
		`npy: dtype '<U3': NumPy type: got "U3", want float16/32/64, an integer of 8 to 64 bits, or bool`,
	)
	assert.Equal(t, arrays[4:], formats.Readable(arrays))

	path := filepath.Join(t.TempDir(), "x.npz")
	require.NoError(t, os.WriteFile(path, buffer.Bytes(), 0o600))
	arrays, err = npz.ReadNamed(path, "x", "absent")
	require.NoError(t, err)
	require.Len(t, arrays, 1)
	assert.Equal(t, []float32{1, 2}, arrays[0].Value.Data())
	_, err = npz.ReadNamed(path, "text")
	assert.ErrorContains(t, err, `array "text": npy: dtype '<U3'`)
}

func TestFailedWriteKeepsOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npz")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	bad := formats.Array{Name: "bad", Value: dense(tensor.Shape{1}, []int8{1})}
	require.Error(t, npz.Write(path, []formats.Array{{Name: "good", Value: dense(tensor.Shape{1}, []float32{1})}, bad}))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
}

func FuzzDecodeNPY(f *testing.F) {
	files, err := filepath.Glob("testdata/*.npy")
	require.NoError(f, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add(npyFile("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", make([]byte, 8)...))
	f.Add(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := npz.DecodeNPY(data)
		if err != nil {
			return
		}
		var buffer bytes.Buffer
		require.NoError(t, npz.EncodeNPY(&buffer, value))
		again, err := npz.DecodeNPY(buffer.Bytes())
		require.NoError(t, err)
		assert.Equal(t, value.Shape(), again.Shape())
	})
}

func FuzzDecodeNPZ(f *testing.F) {
	for _, name := range []string{"sample.npz", "packed.npz"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := npz.Decode(data)
		if err != nil {
			return
		}
		assert.NoError(t, formats.CheckUnique(arrays))
	})
}

func ExampleDecode() {
	weight := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{1, 2, 3, 4}))
	var file bytes.Buffer
	if err := npz.Encode(&file, []formats.Array{{Name: "W1", Value: weight}}); err != nil {
		fmt.Println(err)
		return
	}
	arrays, err := npz.Decode(file.Bytes())
	fmt.Println(arrays[0].Name, arrays[0].Value.Shape(), arrays[0].Value.Data(), err)
	// Output: W1 (2, 2) [1 2 3 4] <nil>
}
