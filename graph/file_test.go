package graph_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/graph"
)

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "params.safetensors")
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		m := newModel(t, mixedNet(), graph.WithSeed(4), graph.WithDtype(dt))
		require.NoError(t, m.Save(path))
		first, err := os.ReadFile(path)
		require.NoError(t, err)

		loaded, err := graph.Load(path, graph.WithDtype(dt))
		require.NoError(t, err)
		assert.Equal(t, m.Spec(), loaded.Spec())
		requireSameParams(t, m, loaded)
		want, err := m.Predict(images(m, 3))
		require.NoError(t, err)
		got, err := loaded.Predict(images(m, 3))
		require.NoError(t, err)
		assert.Equal(t, want.Data(), got.Data())

		require.NoError(t, loaded.Save(path))
		second, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, first, second)
	}
}

func requireSameParams(t *testing.T, want, got *graph.Model) {
	t.Helper()
	require.Len(t, got.Params(), len(want.Params()))
	for i, p := range want.Params() {
		q := got.Params()[i]
		require.Equal(t, p.Name, q.Name)
		require.Equal(t, p.Value.Shape(), q.Value.Shape())
		require.Equal(t, p.Value.Data(), q.Value.Data(), p.Name)
	}
}

// TestLoadConverts loads the file of a float64 model into float32 and vice versa.
func TestLoadConverts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "params.safetensors")
	single, double := newModel(t, mixedNet()), newModel(t, mixedNet(), graph.WithDtype(tensor.Float64))
	require.NoError(t, double.Save(path))
	narrowed, err := graph.Load(path)
	require.NoError(t, err)
	requireSameParams(t, single, narrowed)

	require.NoError(t, single.Save(path))
	widened, err := graph.Load(path, graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	for i, p := range widened.Params() {
		for j, v := range p.Value.Float64s() {
			require.Equal(t, float64(single.Params()[i].Value.Float32s()[j]), v)
		}
	}
}

// TestReadAndWrite reads bytes that were never in a file, and the example's embedded file, which
// saveBrighter writes.
func TestReadAndWrite(t *testing.T) {
	m := newModel(t, mixedNet(), graph.WithSeed(4))
	var written bytes.Buffer
	require.NoError(t, m.Write(&written))
	read, err := graph.Read(iotest.OneByteReader(bytes.NewReader(written.Bytes())))
	require.NoError(t, err)
	assert.Equal(t, m.Spec(), read.Spec())
	requireSameParams(t, m, read)

	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, m.Save(path))
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, saved, written.Bytes())

	require.NoError(t, saveBrighter(path))
	saved, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, saved, brighter)

	double, err := graph.Read(bytes.NewReader(brighter), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	assert.Equal(t, tensor.Float64, double.Dtype())
}

// TestReadAndWriteErrors checks errors without a file name.
func TestReadAndWriteErrors(t *testing.T) {
	_, err := graph.Read(bytes.NewReader(brighter[:100]))
	assert.ErrorContains(t, err, "safetensors: header length: got 328, want at most 92")
	_, err = graph.Read(iotest.ErrReader(os.ErrDeadlineExceeded))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	plain, err := safetensors.Marshal(nil, nil)
	require.NoError(t, err)
	_, err = graph.Read(bytes.NewReader(plain))
	assert.EqualError(t, err,
		`parameter file: its metadata has no "convgraph.spec": want a parameter file written by convgraph`)

	odd := newModel(t, graph.Sequential("odd", tensor.Shape{3}, graph.He(), foreign{}))
	assert.ErrorContains(t, odd.Write(io.Discard), `model "odd": `)
	r, w := io.Pipe()
	require.NoError(t, r.CloseWithError(os.ErrDeadlineExceeded))
	assert.ErrorIs(t, newModel(t, smallNet()).Write(w), os.ErrDeadlineExceeded)
}

func TestSaveErrors(t *testing.T) {
	m := newModel(t, graph.Sequential("odd", tensor.Shape{3}, graph.He(), foreign{}))
	path := filepath.Join(t.TempDir(), "params.safetensors")
	assert.ErrorContains(t, m.Save(path), `model "odd": `)
	assert.NoFileExists(t, path)
	assert.ErrorIs(t, newModel(t, smallNet()).Save(filepath.Join(t.TempDir(), "none", "p")), os.ErrNotExist)
}

// TestLoadErrors corrupts a file in every way that its format allows.
func TestLoadErrors(t *testing.T) {
	m := newModel(t, graph.Sequential("two", tensor.Shape{3}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{}))
	text, err := json.Marshal(m.Spec())
	require.NoError(t, err)
	weight, bias := m.Params()[0].Value, m.Params()[1].Value
	array := func(name string, v *tensor.Dense) formats.Array { return formats.Array{Name: name, Value: v} }
	for _, c := range []struct {
		want   string
		spec   string
		arrays []formats.Array
	}{
		{`model "two": parameter "fc1.bias" is missing`, string(text), []formats.Array{array("fc1.weight", weight)}},
		{`model "two": parameter "fc1.weight" has shape (2): want (2, 3)`, string(text),
			[]formats.Array{array("fc1.weight", bias), array("fc1.bias", bias)}},
		{`model "two" has no parameter "fc2.bias": it has fc1.weight, fc1.bias`, string(text),
			[]formats.Array{array("fc1.weight", weight), array("fc1.bias", bias), array("fc2.bias", bias)}},
		{`model "two": elements of parameter "fc1.bias" are int64: want float32 or float64`, string(text),
			[]formats.Array{array("fc1.weight", weight),
				array("fc1.bias", tensor.New(tensor.WithBacking([]int64{1, 2})))}},
		{`metadata "convgraph.spec": line 2: layer 1: kind "afine" is unknown`,
			"{\"input\": [3],\n\"layers\": [{\"kind\": \"afine\"}]}", nil},
		{`metadata "convgraph.spec": line 1: unexpected end of JSON input`, string(text[:20]), nil},
		{`model "huge": parameter "fc1.weight" is missing`,
			`{"name": "huge", "input": [2000], "layers": [{"kind": "affine", "units": 1000000}]}`, nil},
		{`model "absurd": layer 1 "fc1" (Affine{Units: 2000000}, input (2000)): weight is (2000000, 2000): ` +
			`want at most`,
			`{"name": "absurd", "input": [2000], "layers": [{"kind": "affine", "units": 2000000}]}`, nil},
		{`model "": input is (): want (channels, height, width) or (features)`, `{}`, nil},
	} {
		path := filepath.Join(t.TempDir(), "corrupt.safetensors")
		require.NoError(t, safetensors.Write(path, c.arrays, map[string]string{"convgraph.spec": c.spec}))
		_, err := graph.Load(path)
		assert.ErrorContains(t, err, path+": "+c.want)
	}
}

func TestLoadOfOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other")
	_, err := graph.Load(path)
	assert.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, safetensors.Write(path, arraysOf(newModel(t, smallNet())), nil))
	_, err = graph.Load(path)
	assert.EqualError(t, err, path+`: its metadata has no "convgraph.spec": want a parameter file written by convgraph`)

	require.NoError(t, os.WriteFile(path, []byte("\x89PNG\r\n\x1a\n and so on"), 0o600))
	_, err = graph.Load(path)
	assert.ErrorContains(t, err, path+": safetensors: ")

	m := newModel(t, smallNet())
	require.NoError(t, m.Save(path))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, n := range []int{0, 7, 8, 100, len(whole) / 2, len(whole) - 1} {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		_, err = graph.Load(path)
		assert.ErrorContains(t, err, path+": safetensors: ", "%d of %d bytes", n, len(whole))
	}
}

// TestSetParamsIsWholeOrNothing sets parameters whose last array is invalid.
func TestSetParamsIsWholeOrNothing(t *testing.T) {
	m, other := newModel(t, smallNet()), newModel(t, smallNet(), graph.WithSeed(2))
	arrays := arraysOf(other)
	arrays[len(arrays)-1].Value = vectors(tensor.Float32, 1, 1, 2, 3)
	assert.EqualError(t, m.SetParams(arrays), `model "small": parameter "fc2.bias" has shape (3): want (4)`)
	requireSameParams(t, newModel(t, smallNet()), m)

	assert.EqualError(t, m.SetParams(append(arraysOf(other), arraysOf(other)[0])),
		`model "small": arrays 0 and 6 are both called "conv1.weight": names must be unique`)
	assert.EqualError(t, m.SetParams([]formats.Array{{Name: "conv1.weight"}}),
		`model "small": array "conv1.weight" (number 0) has no value`)
	column, err := vectors(tensor.Float32, 2, 0, 1, 2, 3, 4, 5, 6, 7).Slice(nil, tensor.S(0))
	require.NoError(t, err)
	arrays[len(arrays)-1].Value = column.(*tensor.Dense)
	assert.EqualError(t, m.SetParams(arrays),
		`model "small": elements of parameter "fc2.bias" are a view or column-major: `+
			`want them row-major in one piece (see Materialize)`)
	requireSameParams(t, newModel(t, smallNet()), m)

	require.NoError(t, m.SetParams(arraysOf(other)))
	requireSameParams(t, other, m)
	assert.NotSame(t, other.Params()[0].Value, m.Params()[0].Value)
}
