package pickle_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/pickle"
)

type want struct {
	name   string
	shape  tensor.Shape
	values any
}

func assertArrays(t *testing.T, wants []want, arrays []formats.Array) {
	t.Helper()
	require.Len(t, arrays, len(wants))
	for i, w := range wants {
		assert.Equal(t, w.name, arrays[i].Name)
		assert.Equal(t, w.shape, arrays[i].Value.Shape(), w.name)
		assert.Equal(t, w.values, arrays[i].Value.Data(), w.name)
	}
}

func TestParamsOfEveryProtocol(t *testing.T) {
	w1, w2 := make([]float64, 16), make([]float64, 6)
	for i := range w1 {
		w1[i] = float64(i)/3 - 1
	}
	for i := range w2 {
		w2[i] = float64(i) / 7
	}
	for protocol := 2; protocol <= 5; protocol++ {
		arrays, err := pickle.ReadFile(fmt.Sprintf("testdata/params%d.pkl", protocol))
		require.NoError(t, err, "protocol %d", protocol)
		assertArrays(t, []want{
			{"W1", tensor.Shape{2, 2, 2, 2}, w1},
			{"b1", tensor.Shape{2}, []float64{0.25, -200.5}},
			{"W2", tensor.Shape{3, 2}, w2},
		}, arrays)
	}
}

func TestEveryForm(t *testing.T) {
	shape := tensor.Shape{2, 3}
	for _, protocol := range []int{2, 4, 5} {
		arrays, err := pickle.ReadFile(fmt.Sprintf("testdata/forms%d.pkl", protocol))
		require.NoError(t, err, "protocol %d", protocol)
		assertArrays(t, []want{
			{"half", shape, []float32{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
			{"single", shape, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
			{"big_endian", shape, []float64{-2.5, -1.5, -0.5, 0.5, 1.5, 2.5}},
			{"fortran", shape, []float64{0, 1, 2, 3, 4, 5}},
			{"transposed", tensor.Shape{3, 2}, []float32{0, 3, 1, 4, 2, 5}},
			{"sliced", tensor.Shape{2, 2}, []float64{1, 4, 13, 16}},
			{"labels", tensor.Shape{3}, []int64{0, 1, 2}},
			{"bytes", shape, []int64{0, 1, 2, 3, 4, 5}},
			{"mask", shape, []int64{1, 0, 1, 0, 1, 0}},
			{"scalar", tensor.Shape{}, float32(7.5)},
			{"zero_d", tensor.Shape{}, 2.5},
			{"epoch", tensor.Shape{}, int64(20)},
			{"rate", tensor.Shape{}, 0.001},
			{"done", tensor.Shape{}, int64(1)},
			{"nested.list.0", shape, []float32{0, 1, 2, 3, 4, 5}},
			{"nested.list.1.0", tensor.Shape{2}, []float64{1, 1}},
			{"nested.list.1.1", tensor.Shape{}, int64(3)},
			{"nested.7", tensor.Shape{1}, []float64{0}},
			{"tied", shape, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		}, arrays)
	}
}

func TestTiedArraysAreTheCallersOwn(t *testing.T) {
	arrays, err := pickle.ReadFile("testdata/forms4.pkl")
	require.NoError(t, err)
	single, _ := formats.Find(arrays, "single")
	tied, _ := formats.Find(arrays, "tied")
	single.Value.Data().([]float32)[0] = 9
	assert.Zero(t, tied.Value.Data().([]float32)[0])
}

func TestLoneArray(t *testing.T) {
	arrays, err := pickle.ReadFile("testdata/lone.pkl")
	require.NoError(t, err)
	assertArrays(t, []want{{"arr_0", tensor.Shape{2}, []float64{1, 2}}}, arrays)
}

// Python 2 writes bytes and text alike as byte strings.
func TestPython2(t *testing.T) {
	arrays, err := pickle.Decode(array(
		"U\x01b", "U\x10"+"\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0", 2,
	))
	require.NoError(t, err)
	assertArrays(t, []want{{"arr_0", tensor.Shape{2}, []float64{1, -2}}}, arrays)
}

// array is a single float64 array of n elements in protocol 2.
func array(empty, data string, n byte) []byte {
	return []byte("\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + empty + "\x87R" +
		"(K\x01K" + string(n) + "\x85cnumpy\ndtype\n" +
		"U\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + data + "tb.")
}

func TestRefusesSamples(t *testing.T) {
	for name, want := range map[string]string{
		"object":   `NumPy type: got "O8"`,
		"text":     `NumPy type: got "U3"`,
		"complex":  `NumPy type: got "c16"`,
		"record":   "named fields is not supported",
		"set":      "got *types.Set",
		"function": `class "builtins.print" is not allowed`,
		"matrix":   `class "numpy.matrix" is not allowed`,
		"range":    `class "builtins.range" is not allowed`,
	} {
		path := "testdata/" + name + ".pkl"
		_, err := pickle.ReadFile(path)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, path)
	}
}

func TestRefusesByName(t *testing.T) {
	short := func(s string) string { return "\x8c" + string(rune(len(s))) + s }
	tests := []struct {
		name, data, want string
	}{
		{"a call", "\x80\x02cos\nsystem\nU\x02ls\x85R.", `"arr_0": class "os.system" is not allowed`},
		{
			"names from the stack", "\x80\x04" + short("posix") + "\x94" + short("system") + "\x94\x93.",
			`class "posix.system"`,
		},
		{
			"names from the memo", "\x80\x04" + short("system") + "\x94" + short("posix") + "\x94" + "h\x01h\x00\x93.",
			`class "posix.system"`,
		},
		{
			"names from a put", "\x80\x04" + short("eval") + "q\x05" + short("builtins") + "h\x05\x93.",
			`class "builtins.eval"`,
		},
		{
			"names gone out of sight", "\x80\x04" + short("numpy") + short("ndarray") + "N\x93.",
			"no class name before it",
		},
		{
			"a memo overwritten", "\x80\x04" + short("numpy") + "q\x00Nq\x00h\x00" + short("ndarray") + "\x93.",
			"no class name before it",
		},
		{
			"a class that the library knows", "\x80\x02carray\n_array_reconstructor\n.",
			`class "array._array_reconstructor"`,
		},
		{"another one", "\x80\x02ccopy_reg\n_reconstructor\n.", `class "copy_reg._reconstructor"`},
		{"and another", "\x80\x02c__builtin__\nobject\n.", `class "__builtin__.object"`},
		{"a torch file", "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", `class "torch._utils._rebuild_tensor_v2"`},
		{"extension codes", "\x80\x02\x82\x01.", "byte 2: opcode EXT1"},
		{"persistent ids", "\x80\x02U\x01xQ.", "opcode BINPERSID"},
		{"protocol 0", "(dp0\n.", "protocol 2 or later"},
		{"protocol 9", "\x80\x09.", "protocol: got 9"},
		{"no pickle", "PK\x03\x04", "protocol 2 or later"},
		{"nothing", "", "cut off at byte 0"},
		{"an unknown opcode", "\x80\x02\xff", "byte 2: unknown opcode 0xff"},
		{"no stop", "\x80\x02N", "cut off at byte 3"},
		{"a tail", "\x80\x02N.N", "ends at byte 4 of 5"},
		{
			"a length past the end", "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
			"BINBYTES8: length: got 9223372036854775807",
		},
		{
			"a frame past the end", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
			"FRAME: frame length: got 9223372036854775807",
		},
		{"deep marks", "\x80\x02" + strings.Repeat("(", 300) + ".", "nest deeper than 256"},
		{"no mark", "\x80\x02t.", "TUPLE: no MARK"},
		{"an odd dict", "\x80\x02}(Nu.", "the pickle is corrupt"},
		{"an unhashable key", "\x80\x02ccollections\nOrderedDict\n)R}Ns.", "want text or a number as a dict's key"},
		{"an empty long", "\x80\x02\x8a\x00.", "the pickle is corrupt"},
		{"a class as value", "\x80\x02cnumpy\nndarray\n.", "want an array"},
		{"a negative shape", strings.Replace(
			string(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 1)), "K\x01\x85cn",
			"J\xff\xff\xff\xff\x85cn", 1,
		), "dimension 0 is negative"},
		{"a huge shape", strings.Replace(
			string(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 1)), "K\x01\x85cn",
			"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87cn", 1,
		), "does not fit in memory"},
		{
			"more elements than bytes", string(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 2)),
			"got 8 bytes, want 16",
		},
		{
			"characters past a byte",
			string(array("U\x01b", "c_codecs\nencode\nX\x02\x00\x00\x00\xc4\x80U\x06latin1\x86R", 1)), "not latin1",
		},
		{
			"an array has no elements",
			"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R.", "has no elements",
		},
		{"a list within itself", "\x80\x02]q\x00h\x00a.", "nest deeper than 32"},
		{"two keys of one name", "\x80\x02}(U\x01aK\x01U\x01aK\x02u.", `both called "a"`},
		{"a tuple as key", "\x80\x02}K\x01\x85K\x02s.", "dict's key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pickle.Decode([]byte(tt.data))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// TestUnreadableBesideArrays: what isn't read refuses no file that has arrays.
func TestUnreadableBesideArrays(t *testing.T) {
	one := string(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 1))
	one = one[2 : len(one)-1]
	const notAllowed = " is not allowed: only arrays and plain containers are read"
	for _, c := range []struct{ other, want string }{
		{"cos\nsystem\nU\x02ls\x85R", `class "os.system"` + notAllowed},
		{"cargparse\nNamespace\n)\x81}U\x02lrK\x01sb", `class "argparse.Namespace"` + notAllowed},
		{"ccollections\ndefaultdict\n)R(U\x01xK\x01u", `class "collections.defaultdict"` + notAllowed},
		{"cmine\nList\n)R(K\x01K\x02e", `class "mine.List"` + notAllowed},
		{strings.Replace(one, "U\x02f8", "U\x03c16", 1),
			`NumPy type: got "c16", want float16/32/64, an integer of 8 to 64 bits, or bool`},
		{strings.Replace(one, "NNNJ", "NU\x01xNJ", 1),
			`numpy.dtype "f8" with subarrays or named fields is not supported`},
		{strings.Replace(one, "numpy\nndarray", "numpy\nm", 1), `class "numpy.m"` + notAllowed},
	} {
		arrays, err := pickle.Decode([]byte("\x80\x02}(U\x01a" + one + "U\x01b" + c.other + "U\x01c" + one +
			"K\x01\x85K\x02u."))
		require.NoError(t, err, c.want)
		require.Len(t, arrays, 3)
		assert.EqualError(t, arrays[1].Err, c.want)
		assert.Equal(t, []formats.Array{arrays[0], arrays[2]}, formats.Readable(arrays))
		assert.Equal(t, []float64{1}, arrays[2].Value.Data())
	}
}

// TestMachineClassesAreRefused: the library calls these classes itself, and some copy their
// arguments.
func TestMachineClassesAreRefused(t *testing.T) {
	for _, class := range []string{"builtins\nlist", "builtins\ndict", "array\n_array_reconstructor"} {
		_, err := pickle.Decode([]byte("\x80\x02}(U\x01aK\x01U\x01bc" + class + "\nu."))
		assert.ErrorContains(t, err, "is not allowed")
	}
}

// One array of 80 KB under 10,000 names would be 800 MB from a file of 120 KB.
func TestManyNamesForOneArray(t *testing.T) {
	one := array("U\x01b", "T\x80\x38\x01\x00"+strings.Repeat("\x00", 80000), 0)
	one = bytes.Replace(one, []byte("K\x00\x85cn"), []byte("M\x10\x27\x85cn"), 1)
	_, err := pickle.Decode(one)
	require.NoError(t, err, "once")

	file := append([]byte("\x80\x02]("), one[2:len(one)-1]...)
	file = append(file, "q\x07"...)
	file = append(file, bytes.Repeat([]byte("h\x07"), 10000)...)
	file = append(file, "e."...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = pickle.Decode(file)
	runtime.ReadMemStats(&after)
	assert.ErrorContains(t, err, "too many share the same bytes")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20<<20))
}

// Nested lists, each of which contains the one before twice: 2^30 leaves from 200 bytes.
func TestBillionLaughs(t *testing.T) {
	data := "\x80\x02]q\x00"
	for i := range byte(30) {
		data += "](h" + string(rune(i)) + "h" + string(rune(i)) + "eq" + string(rune(i+1))
	}
	_, err := pickle.Decode([]byte(data + "."))
	assert.ErrorContains(t, err, "contain each other")
}

func TestRead(t *testing.T) {
	file, err := os.Open("testdata/params4.pkl")
	require.NoError(t, err)
	defer file.Close()
	arrays, err := pickle.Read(file)
	require.NoError(t, err)
	assert.Len(t, arrays, 3)
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pkl")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add(array("U\x01b", "U\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := pickle.Decode(data)
		if err != nil {
			return
		}
		assert.NoError(t, formats.CheckUnique(arrays))
	})
}

func ExampleReadFile() {
	arrays, err := pickle.ReadFile("testdata/params4.pkl")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range arrays {
		fmt.Println(a.Name, a.Value.Shape(), a.Value.Dtype())
	}
	// Output:
	// W1 (2, 2, 2, 2) float64
	// b1 (2) float64
	// W2 (3, 2) float64
}
