package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/formats"
	"convgraph/formats/safetensors"
)

func dense(shape tensor.Shape, backing any) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
}

// file builds the bytes of a file from a header as text and a body.
func file(header string, body ...byte) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), body...)
}

func TestReadPythonSample(t *testing.T) {
	arrays, metadata, err := safetensors.ReadFile("testdata/sample.safetensors")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"format": "np", "spec": `{"name": "tiny"}`}, metadata)

	third := func(i float64) float64 { return i / 3 }
	want := map[string]struct {
		shape  tensor.Shape
		values any
	}{
		"conv1.weight": {tensor.Shape{2, 3}, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		"double":       {tensor.Shape{2, 3}, []float64{0, third(1), third(2), 1, third(4), third(5)}},
		"half":         {tensor.Shape{2, 3}, []float32{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
		"brain":        {tensor.Shape{2, 3}, []float32{0, 0.5, 1, 1.5, 2, 2.5}},
		"labels":       {tensor.Shape{3}, []int64{0, 1, 2}},
		"bytes":        {tensor.Shape{2, 3}, []int64{0, 1, 2, 3, 4, 5}},
		"mask":         {tensor.Shape{2, 3}, []int64{1, 0, 1, 0, 1, 0}},
		"scalar":       {tensor.Shape{}, float32(7.5)},
	}
	require.Len(t, arrays, len(want))
	for _, a := range arrays {
		assert.Equal(t, want[a.Name].shape, a.Value.Shape(), a.Name)
		assert.Equal(t, want[a.Name].values, a.Value.Data(), a.Name)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arrays []formats.Array
		names := rapid.SliceOfNDistinct(
			rapid.StringMatching(`[a-z0-9._é"\\&]{1,12}`), 0, 5, rapid.ID[string],
		).Draw(t, "names")
		for _, name := range names {
			shape := tensor.Shape(rapid.SliceOfN(rapid.IntRange(1, 4), 0, 4).Draw(t, "shape"))
			n := shape.TotalSize()
			switch rapid.IntRange(0, 2).Draw(t, "dtype") {
			case 0:
				arrays = append(arrays, formats.Array{
					Name: name, Value: dense(shape, rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "f32")),
				})
			case 1:
				arrays = append(arrays, formats.Array{
					Name: name, Value: dense(shape, rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "f64")),
				})
			default:
				arrays = append(
					arrays,
					formats.Array{Name: name, Value: dense(shape, rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "i64"))},
				)
			}
		}
		metadata := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")

		data, err := safetensors.Marshal(arrays, metadata)
		require.NoError(t, err)
		got, gotMetadata, err := safetensors.Decode(data)
		require.NoError(t, err)
		require.Len(t, got, len(arrays))
		for _, a := range arrays {
			b, ok := formats.Find(got, a.Name)
			require.True(t, ok, a.Name)
			assert.Equal(t, a.Value.Shape(), b.Value.Shape())
			assert.Equal(t, a.Value.Data(), b.Value.Data())
		}
		assert.Equal(t, len(metadata), len(gotMetadata))
		for k, v := range metadata {
			assert.Equal(t, v, gotMetadata[k])
		}
	})
}

func TestNaNPayloadSurvives(t *testing.T) {
	bits := uint32(0x7fa00123)
	data, err := safetensors.Marshal(
		[]formats.Array{{Name: "nan", Value: dense(tensor.Shape{1}, []float32{math.Float32frombits(bits)})}}, nil,
	)
	require.NoError(t, err)
	assert.Equal(t, bits, binary.LittleEndian.Uint32(data[len(data)-4:]))
}

func TestWriteKeepsMathematicalOrderOfAnyLayout(t *testing.T) {
	base := dense(tensor.Shape{2, 3}, []float32{0, 1, 2, 3, 4, 5})
	transposed := base.Clone().(*tensor.Dense)
	require.NoError(t, transposed.T())
	column, err := base.Slice(nil, tensor.S(1, 3))
	require.NoError(t, err)
	fortran := tensor.New(tensor.WithShape(2, 3), tensor.AsFortran([]float32{0, 1, 2, 3, 4, 5}))

	data, err := safetensors.Marshal([]formats.Array{
		{Name: "transposed", Value: transposed},
		{Name: "column", Value: column.(*tensor.Dense)},
		{Name: "fortran", Value: fortran},
	}, nil)
	require.NoError(t, err)
	arrays, _, err := safetensors.Decode(data)
	require.NoError(t, err)
	want := map[string][]float32{
		"transposed": {0, 3, 1, 4, 2, 5},
		"column":     {1, 2, 4, 5},
		"fortran":    {0, 1, 2, 3, 4, 5},
	}
	for _, a := range arrays {
		assert.Equal(t, want[a.Name], a.Value.Data(), a.Name)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	a := formats.Array{Name: "a", Value: dense(tensor.Shape{2}, []float32{1, 2})}
	b := formats.Array{Name: "b", Value: dense(tensor.Shape{2}, []float64{3, 4})}
	c := formats.Array{Name: "c", Value: dense(tensor.Shape{2}, []float32{5, 6})}
	metadata := map[string]string{"x": "1", "y": "2", "z": "3"}
	first, err := safetensors.Marshal([]formats.Array{a, b, c}, metadata)
	require.NoError(t, err)
	second, err := safetensors.Marshal([]formats.Array{c, b, a}, metadata)
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

func TestWriteRefuses(t *testing.T) {
	one := dense(tensor.Shape{1}, []float32{1})
	tests := []struct {
		name     string
		arrays   []formats.Array
		metadata map[string]string
		want     string
	}{
		{"two of one name", []formats.Array{{Name: "w", Value: one}, {Name: "w", Value: one}}, nil, `both called "w"`},
		{"no name", []formats.Array{{Value: one}}, nil, "array 0 has no name"},
		{"no value", []formats.Array{{Name: "w"}}, nil, `array "w" (number 0) has no value`},
		{"the metadata's name", []formats.Array{{Name: "__metadata__", Value: one}}, nil, "reserves this name"},
		{"name not UTF-8", []formats.Array{{Name: "\xff", Value: one}}, nil, "not valid UTF-8"},
		{"metadata not UTF-8", nil, map[string]string{"k": "\xff"}, "not valid UTF-8"},
		{"dtype", []formats.Array{{Name: "w", Value: dense(tensor.Shape{1}, []int32{1})}}, nil, "dtype: got int32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.safetensors")
			require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
			assert.ErrorContains(t, safetensors.Write(path, tt.arrays, tt.metadata), tt.want)

			data, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, "old", string(data), "a failed write must leave the file as it was")
			entries, err := os.ReadDir(filepath.Dir(path))
			require.NoError(t, err)
			assert.Len(t, entries, 1, "and leave no temporary file")
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "got a file of 0 bytes"},
		{"a short header", binary.LittleEndian.AppendUint64(nil, 1<<40), "header length: got 1099511627776"},
		{"not JSON", file("PK\x03\x04"), "not a safetensors file"},
		{"an empty header", file(""), "not a safetensors file"},
		{"broken JSON", file(`{"a":`), "header"},
		{"text that is not UTF-8", file("{\"\xff\":1}"), "not valid UTF-8"},
		{"one name twice",
			file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},`+
				`"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), `names "a" twice`},
		{
			"a huge shape",
			file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
			"does not fit in memory",
		},
		{
			"more elements than bytes",
			file(`{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
			"data_offsets: got [0, 4], want 4000000000 bytes",
		},
		{
			"offsets past the end",
			file(`{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}`, 0, 0, 0, 0),
			"body: got 4 bytes, want 4000000000 for the arrays: cut off",
		},
		{
			"a negative dimension", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
			"got -1, want a natural number",
		},
		{
			"an empty array", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
			`array "a": shape [0]: dimension 0 is 0`,
		},
		{"the first of two empty arrays",
			file(`{"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},` +
				`"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},` +
				`"c":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`), `array "a": shape [0]`},
		{"a gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 0, 0, 0, 0, 0, 0, 0, 0), `"a"`},
		{
			"bytes after the last array", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0, 0),
			"trailing bytes",
		},
		{"an unknown dtype", file(`{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, 0), "F8_E4M3"},
		{
			"an integer past int64",
			file(`{"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}`, 255, 255, 255, 255, 255, 255, 255, 255),
			"does not fit in int64",
		},
		{"a bool of 2", file(`{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`, 2), "got bool 2, want 0 or 1"},
		{
			"a fraction", file(`{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, 0),
			"got 1.5, want a natural number",
		},
		{
			"a list for a number", file(`{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}`, 0),
			"got [1], want a natural number",
		},
		{"a number for a list", file(`{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}`, 0), "want an array"},
		{"a number for an array", file(`{"a":1}`, 0), `array "a": byte `},
		{
			"three offsets", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 0),
			"got 3 data_offsets, want 2",
		},
		{"one offset", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 0), "got 1 data_offsets, want 2"},
		{"offsets backwards", file(
			`{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`,
			0,
		), `array "a": its data_offsets are [1, 0]`},
		{"overlapping arrays",
			file(`{"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},`+
				`"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0),
			`array "a": its data_offsets are [1, 2], want them to begin at 2`},
		{"no dtype", file(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 0), "dtype is missing"},
		{"a dtype of numbers", file(`{"a":{"dtype":3,"shape":[1],"data_offsets":[0,1]}}`, 0), "want a string"},
		{
			"a key twice", file(`{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 0),
			`"dtype" occurs twice`,
		},
		{
			"an unknown key", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, 0),
			`got "x", want dtype, shape and data_offsets`,
		},
		{"metadata of numbers", file(`{"__metadata__":{"a":1}}`), `__metadata__ "a": byte `},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`), `"__metadata__" occurs twice`},
		{"a metadata's name twice", file(`{"__metadata__":{"a":"1","a":"2"}}`), `__metadata__ names "a" twice`},
		{"more than an object", file(`{}{}`), "want nothing after the JSON object"},
		{
			"too many dimensions",
			file(`{"a":{"dtype":"U8","shape":[1`+strings.Repeat(",1", 40)+`],"data_offsets":[0,1]}}`, 0),
			"41 dimensions",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := safetensors.Decode(tt.data)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestUnreadableBesideArrays: arrays of unknown types, and empty ones, refuse no file that has
// others.
func TestUnreadableBesideArrays(t *testing.T) {
	const header = `{"__metadata__":{"k":"v"},"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},` +
		`"b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]},` +
		`"c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"d":{"dtype":"C64","shape":[1],"data_offsets":[4,12]}}`
	arrays, metadata, err := safetensors.Decode(file(header, 9, 9, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"k": "v"}, metadata)
	require.Len(t, arrays, 4)
	assert.EqualError(t, arrays[0].Err, `dtype "F8_E4M3" is not supported`)
	assert.Equal(t, []int64{1, 2}, arrays[1].Value.Data())
	assert.EqualError(t, arrays[2].Err, "shape [0]: dimension 0 is 0: an empty array is not supported")
	assert.EqualError(t, arrays[3].Err, `dtype "C64" is not supported`)

	_, _, err = safetensors.Decode(file(strings.Replace(header, "[4,12]", "[5,12]", 1), make([]byte, 12)...))
	assert.ErrorContains(t, err, `"d"`, "a gap")
}

// TestManyNames: a header of many names is refused before it takes more memory than a large
// model's.
func TestManyNames(t *testing.T) {
	many := func(n int) []byte {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"%06d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, i, i, i+1)
		}
		return file(strings.TrimSuffix(b.String(), ",")+"}", make([]byte, n)...)
	}
	arrays, _, err := safetensors.Decode(many(1 << 16))
	require.NoError(t, err)
	assert.Len(t, arrays, 1<<16)

	data := many(300_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err = safetensors.Decode(data)
	runtime.ReadMemStats(&after)
	assert.EqualError(t, err, "safetensors: header: got more than 65536 arrays, the largest supported number")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(40<<20))

	var strs strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&strs, `,"%d":""`, i)
	}
	_, _, err = safetensors.Decode(file(`{"__metadata__":{` + strs.String()[1:] + `}}`))
	assert.EqualError(t, err,
		"safetensors: header: got more than 65536 strings in __metadata__, the largest supported number")
}

func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.safetensors")
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, _, err := safetensors.ReadFile(path)
	assert.ErrorContains(t, err, path)
}

func FuzzDecode(f *testing.F) {
	sample, err := os.ReadFile("testdata/sample.safetensors")
	require.NoError(f, err)
	f.Add(sample)
	f.Add(file(`{}`))
	f.Add(file(
		`{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[],"data_offsets":[1,2]}}`,
		0, 1,
	))
	f.Add(file(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, 1, 2, 3, 4))
	f.Add(file(
		`{"a":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}`, 1,
	))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, metadata, err := safetensors.Decode(data)
		if err != nil {
			return
		}
		arrays = formats.Readable(arrays)
		again, err := safetensors.Marshal(arrays, metadata)
		require.NoError(t, err)
		got, gotMetadata, err := safetensors.Decode(again)
		require.NoError(t, err)
		assert.Len(t, got, len(arrays))
		assert.Len(t, gotMetadata, len(metadata))
		third, err := safetensors.Marshal(got, gotMetadata)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(again, third))
	})
}

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "net.safetensors")
	weight := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float32{1, 2, 3, 4}))

	err = safetensors.Write(path, []formats.Array{{Name: "fc1.weight", Value: weight}}, map[string]string{"spec": "{}"})
	if err != nil {
		fmt.Println(err)
		return
	}
	arrays, metadata, err := safetensors.ReadFile(path)
	fmt.Println(arrays[0].Name, arrays[0].Value.Shape(), arrays[0].Value.Data(), metadata, err)
	// Output: fc1.weight (2, 2) [1 2 3 4] map[spec:{}] <nil>
}
