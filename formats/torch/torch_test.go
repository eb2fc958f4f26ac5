package torch_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/torch"
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

// eighths returns the values with which testdata/make.py fills a parameter.
func eighths[T float32 | float64](n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = T(i) / 8
	}
	return out
}

func net[T float32 | float64]() []want {
	return []want{
		{"conv1.weight", tensor.Shape{2, 1, 3, 3}, eighths[T](18)},
		{"conv1.bias", tensor.Shape{2}, eighths[T](2)},
		{"norm.weight", tensor.Shape{2}, eighths[T](2)},
		{"norm.bias", tensor.Shape{2}, eighths[T](2)},
		{"norm.running_mean", tensor.Shape{2}, []T{0, 0}},
		{"norm.running_var", tensor.Shape{2}, []T{1, 1}},
		{"norm.num_batches_tracked", tensor.Shape{}, int64(0)},
		{"fc1.weight", tensor.Shape{3, 4}, eighths[T](12)},
		{"fc1.bias", tensor.Shape{3}, eighths[T](3)},
	}
}

func TestStateDicts(t *testing.T) {
	for _, name := range []string{"float32.pt", "protocol4.pt", "legacy.pth", "float16.pt", "bfloat16.pt"} {
		t.Run(name, func(t *testing.T) {
			arrays, err := torch.ReadFile("testdata/" + name)
			require.NoError(t, err)
			assertArrays(t, net[float32](), arrays)
		})
	}
	arrays, err := torch.ReadFile("testdata/float64.pt")
	require.NoError(t, err)
	assertArrays(t, net[float64](), arrays)
}

func TestViewsBecomeRowMajor(t *testing.T) {
	whole, transposed, permuted := make([]float32, 24), make([]float32, 24), make([]float32, 24)
	for i := range whole {
		whole[i] = float32(i)
		transposed[i] = float32(i%4*6 + i/4)          // (6,4) of (4,6)
		permuted[i] = float32(i%6/3*12 + i%3*4 + i/6) // (4,2,3) of (2,3,4)
	}
	wants := []want{
		{"whole", tensor.Shape{4, 6}, whole},
		{"transposed", tensor.Shape{6, 4}, transposed},
		{"window", tensor.Shape{2, 2}, []float32{8, 10, 14, 16}},
		{"permuted", tensor.Shape{4, 2, 3}, permuted},
		{"tied", tensor.Shape{4, 6}, whole},
		{"scalar", tensor.Shape{}, float32(7.5)},
		{"labels", tensor.Shape{2}, []int64{3, -1}},
		{"mask", tensor.Shape{2}, []int64{1, 0}},
		{"bytes", tensor.Shape{2}, []int64{1, 255}},
		{"parameter", tensor.Shape{1}, []float32{0.5}},
	}
	for _, name := range []string{"views.pt", "views.pth"} {
		arrays, err := torch.ReadFile("testdata/" + name)
		require.NoError(t, err, name)
		assertArrays(t, wants, arrays)
		arrays[0].Value.Data().([]float32)[0] = 9
		assert.Zero(t, arrays[4].Value.Data().([]float32)[0], "%s: tied tensors are the caller's own", name)
	}
}

func TestCheckpoint(t *testing.T) {
	arrays, err := torch.ReadFile("testdata/checkpoint.pt")
	require.NoError(t, err)
	epoch, ok := formats.Find(arrays, "epoch")
	require.True(t, ok)
	assert.Equal(t, int64(3), epoch.Value.Data())
	weight, ok := formats.Find(arrays, "model.fc1.weight")
	require.True(t, ok)
	assert.Equal(t, eighths[float32](12), weight.Value.Data())
	rate, ok := formats.Find(arrays, "optimizer.param_groups.0.lr")
	require.True(t, ok)
	assert.Equal(t, 0.1, rate.Value.Data())
}

// TestOtherObjects reads a checkpoint that contains objects of many kinds besides the state dict.
func TestOtherObjects(t *testing.T) {
	for name, count := range map[string]int{"others.pt": 17, "others4.pt": 17, "others.pth": 15} {
		arrays, err := torch.ReadFile("testdata/" + name)
		require.NoError(t, err, name)
		wants := net[float32]()
		for i, w := range wants {
			a := arrays[i]
			assert.Equal(t, "state_dict."+w.name, a.Name)
			assert.Equal(t, w.values, a.Value.Data(), w.name)
		}
		others := arrays[len(wants):]
		assert.Len(t, others, count, name)
		for _, a := range others {
			assert.True(t, strings.HasPrefix(a.Name, "others."), a.Name)
			assert.Nil(t, a.Value, a.Name)
			assert.Error(t, a.Err, a.Name)
		}
		empty, ok := formats.Find(arrays, "others.complex")
		require.True(t, ok)
		assert.EqualError(
			t, empty.Err, `class "torch.ComplexFloatStorage" is not allowed: only arrays and plain containers are read`,
		)
	}
}

func TestRefusesSamples(t *testing.T) {
	for name, want := range map[string]string{
		"expanded.pt": `array "wide": storage "0", as bytes: shape [1000 4]`,
		"complex.pt":  `class "torch.ComplexFloatStorage" is not allowed`,
		"sparse.pt":   `class "torch._utils._rebuild_sparse_tensor" is not allowed`,
		"module.pt":   `class "torch.nn.modules.linear.Linear" is not allowed`,
		"script.pt":   "TorchScript",
	} {
		path := "testdata/" + name
		_, err := torch.ReadFile(path)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, path)
	}
}

// rezip copies a sample and applies edit to every file; a nil result drops the file.
func rezip(t testing.TB, sample string, edit func(name string, body []byte) []byte) []byte {
	t.Helper()
	reader, err := zip.OpenReader("testdata/" + sample)
	require.NoError(t, err)
	defer reader.Close()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, file := range reader.File {
		r, err := file.Open()
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		_, base, _ := strings.Cut(file.Name, "/")
		if body = edit(base, body); body == nil {
			continue
		}
		entry, err := w.CreateHeader(&zip.FileHeader{Name: file.Name, Method: zip.Store})
		require.NoError(t, err)
		_, err = entry.Write(body)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buffer.Bytes()
}

// replaceIn replaces text, which must occur, in one file of the zip.
func replaceIn(t testing.TB, file, old, new string) func(string, []byte) []byte {
	return func(name string, body []byte) []byte {
		if name != file {
			return body
		}
		require.Contains(t, string(body), old)
		return bytes.Replace(body, []byte(old), []byte(new), 1)
	}
}

func TestBigEndian(t *testing.T) {
	data := rezip(t, "float32.pt", func(name string, body []byte) []byte {
		switch {
		case name == "byteorder":
			return []byte("big")
		case strings.HasPrefix(name, "data/") && name != "data/6":
			for i := 0; i < len(body); i += 4 {
				binary.BigEndian.PutUint32(body[i:], binary.LittleEndian.Uint32(body[i:]))
			}
		}
		return body
	})
	arrays, err := torch.Decode(data)
	require.NoError(t, err)
	assertArrays(t, net[float32](), arrays)
}

// read is the error of a file or of its first array.
func read(data []byte) error {
	arrays, err := torch.Decode(data)
	if err != nil {
		return err
	}
	return formats.CheckNames(arrays)
}

func TestRejectsCorruptZip(t *testing.T) {
	drop := func(file string) func(string, []byte) []byte {
		return func(name string, body []byte) []byte {
			if name == file {
				return nil
			}
			return body
		}
	}
	tests := []struct {
		name string
		edit func(string, []byte) []byte
		want string
	}{
		{"no pickle", drop("data.pkl"), "want one FOLDER/data.pkl"},
		{"no storage", drop("data/0"), `storage "0": the zip file has no "float32/data/0"`},
		{"a short storage", replaceIn(t, "data/0", "\x00\x00\x00\x00", ""), `storage "0": got 68 bytes, want 72`},
		{"a byte order of its own", replaceIn(t, "byteorder", "little", "middle"), `got "middle", want little or big`},
		{"a tail", replaceIn(t, "data.pkl", "usb.", "usb.N"), "data.pkl: ends at byte"},
		{
			"a class of its own", replaceIn(t, "data.pkl", "torch\nFloatStorage", "posix\nsystem"),
			`class "posix.system" is not allowed`,
		},
		{"another kind of persistent id", replaceIn(t, "data.pkl", "storage", "module "), "want a storage"},
		{
			"one storage of two types", replaceIn(t, "data.pkl", "X\x01\x00\x00\x001", "X\x01\x00\x00\x000"),
			`storage "0" is both 18 float32 and 2 float32`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, read(rezip(t, "float32.pt", tt.edit)), tt.want)
		})
	}
}

// The first tensor of views.pt: offset 0, size (4, 6), stride (6, 1).
const firstView = "QK\x00K\x04K\x06\x86q\x09K\x06K\x01\x86"

func TestRefusesHostileViews(t *testing.T) {
	for _, c := range []struct{ view, want string }{
		{"QK\x17K\x04K\x06\x86q\x09K\x06K\x01\x86", "reaches past the last of 96 elements"},
		{"QK\x18K\x04K\x06\x86q\x09K\x06K\x01\x86", "starts at element 24"},
		{"QJ\xff\xff\xff\xffK\x04K\x06\x86q\x09K\x06K\x01\x86", "starts at element -1"},
		{"QK\x00K\x04J\xff\xff\xff\xff\x86q\x09K\x06K\x01\x86", "dimension 1 is negative"},
		{"QK\x00K\x04K\x06\x86q\x09K\x06J\xff\xff\xff\xff\x86", "is negative"},
		{"QK\x00K\x04K\x06\x86q\x09J\xff\xff\xff\x7fK\x01\x86", "reaches past the last of 96 elements"},
		{"QK\x00K\x04K\x06\x86q\x09K\x06\x85", "strides [24 1] have 2"},
		{"QK\x00M\xff\xffM\xff\xff\x86q\x09K\x00K\x00\x86", "too many share the same bytes"},
		{"QK\x00(J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ftq\x09K\x01\x85", "does not fit in memory"},
		{"QNK\x04K\x06\x86q\x09K\x06K\x01\x86", "want an offset"},
		{"QK\x00NK\x06K\x01\x86q\x09", "want a tuple of integers"},
	} {
		assert.ErrorContains(t, read(rezip(t, "views.pt", replaceIn(t, "data.pkl", firstView, c.view))), c.want)
	}
}

func TestRejectsCorruptLegacy(t *testing.T) {
	whole, err := os.ReadFile("testdata/legacy.pth")
	require.NoError(t, err)
	replace := func(old, new string) []byte {
		require.Contains(t, string(whole), old)
		return bytes.Replace(whole, []byte(old), []byte(new), 1)
	}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"no file of torch's", []byte("\x80\x02K\x01."), "want the magic number"},
		{"no pickle", []byte("hello"), "neither a zip file nor PyTorch's older form"},
		{"nothing", nil, "neither a zip file nor PyTorch's older form"},
		{"a tar file", append(append(make([]byte, 257), "ustar"...), make([]byte, 100)...), "a tar file"},
		{"another version", replace("M\xe9\x03", "M\xe8\x03"), "got int 1000, want version 1001"},
		{
			"a version that holds itself", replace("\x80\x02M\xe9\x03.", "\x80\x02}q\x00K\x01h\x00s."),
			"got *types.Dict 0, want version 1001",
		},
		{"cut off", whole[:len(whole)-1], "want 18 elements of float32"},
		{"a tail", append(append([]byte{}, whole...), 0), "ends at byte"},
		{
			"another count", replace("\x12\x00\x00\x00\x00\x00\x00\x00", "\x13\x00\x00\x00\x00\x00\x00\x00"),
			"got a count of 19, want 18 elements",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := torch.Decode(tt.data)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/*.pt", "testdata/*.pth"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		require.NotEmpty(f, files)
		for _, path := range files {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := torch.Decode(data)
		if err != nil {
			return
		}
		assert.NoError(t, formats.CheckUnique(arrays))
	})
}

// A zip's checksums reject most of FuzzDecode's mutants. This target bypasses them.
func FuzzPickle(f *testing.F) {
	pickled := map[string][]byte{}
	for _, sample := range []string{"views.pt", "float32.pt", "checkpoint.pt"} {
		rezip(f, sample, func(name string, body []byte) []byte {
			if name == "data.pkl" {
				pickled[sample] = body
			}
			return body
		})
		f.Add(pickled[sample])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := rezip(t, "views.pt", func(name string, body []byte) []byte {
			if name == "data.pkl" {
				return data
			}
			return body
		})
		arrays, err := torch.Decode(file)
		if err != nil {
			return
		}
		assert.NoError(t, formats.CheckUnique(arrays))
	})
}

func ExampleReadFile() {
	arrays, err := torch.ReadFile("testdata/float16.pt")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range arrays[:2] {
		fmt.Println(a.Name, a.Value.Shape(), a.Value.Dtype())
	}
	// Output:
	// conv1.weight (2, 1, 3, 3) float32
	// conv1.bias (2) float32
}
