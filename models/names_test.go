package models_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/models"
)

// partlyConnected has a convolution that sees one channel, the other, both; and one that is as
// large as its input.
func partlyConnected(t *testing.T) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("partial", tensor.Shape{2, 3, 3}, graph.He(),
		graph.Conv2D{Name: "c1", Filters: 3, Kernel: graph.Pair{1, 2}, Connections: [][]int{{0}, {1}, {0, 1}}},
		graph.Conv2D{Name: "c2", Filters: 2, Kernel: graph.Pair{3, 2}},
	))
	require.NoError(t, err)
	return m
}

func array[E float32 | float64 | int64](name string, values []E, shape ...int) formats.Array {
	return formats.Array{Name: name, Value: tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))}
}

// torchArrays are parameters of partlyConnected as PyTorch has them: all kernels of c1, c2 an
// affine layer.
func torchArrays() []formats.Array {
	second := make([]float64, 36)
	for i := range second {
		second[i] = float64(i)
	}
	return []formats.Array{
		array("0.weight", []float64{1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 7, 8}, 3, 2, 1, 2),
		array("0.bias", []float64{1, 2, 3}, 3),
		array("2.weight", second, 2, 18),
		array("2.bias", []float64{4, 5}, 2),
	}
}

func TestRenameGathersConnectedKernels(t *testing.T) {
	m := partlyConnected(t)
	renamed, err := models.Rename(m, torchArrays())
	require.NoError(t, err)
	require.NoError(t, m.SetParams(renamed))
	assert.Equal(t, tensor.Shape{4, 1, 2}, renamed[0].Value.Shape())
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 6, 7, 8}, renamed[0].Value.Float64s())
	assert.Equal(t, tensor.Shape{2, 3, 3, 2}, renamed[2].Value.Shape())
	assert.Equal(t, torchArrays()[2].Value.Float64s(), renamed[2].Value.Float64s())
}

func TestRenameKeepsTheElementType(t *testing.T) {
	arrays := torchArrays()
	arrays[0] = array("0.weight", []float32{1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 7, 8}, 3, 2, 1, 2)
	renamed, err := models.Rename(partlyConnected(t), arrays)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 6, 7, 8}, renamed[0].Value.Float32s())
}

func TestRenameLeavesTheArraysAlone(t *testing.T) {
	arrays := torchArrays()
	_, err := models.Rename(partlyConnected(t), arrays)
	require.NoError(t, err)
	assert.Equal(t, torchArrays(), arrays)
}

func TestRenameTakesOurNamesInAnyOrder(t *testing.T) {
	arrays := torchArrays()
	for i, name := range []string{"c1.weight", "c1.bias", "c2.weight", "c2.bias"} {
		arrays[i].Name = name
	}
	arrays[0], arrays[3] = arrays[3], arrays[0]
	renamed, err := models.Rename(partlyConnected(t), arrays)
	require.NoError(t, err)
	assert.Equal(t, "c1.weight", renamed[0].Name)
	assert.Equal(t, []float64{4, 5}, renamed[3].Value.Float64s())
}

// TestRenameRefuses changes arrays that fit until they don't.
func TestRenameRefuses(t *testing.T) {
	for want, change := range map[string]func(a []formats.Array) []formats.Array{
		`model "partial" has 4 parameters, the file 3 arrays: ` +
			`"0.weight", "0.bias", "2.weight"`: func(a []formats.Array) []formats.Array {
			return a[:3]
		},
		`array "0.weight" is 9 at [0 1 0 1]: the model's "c1.weight" has no connection from channel 1 to ` +
			`filter 0: want 0`: func(a []formats.Array) []formats.Array {
			a[0].Value.Float64s()[3] = 9
			return a
		},
		`array "0.weight" is NaN at [1 0 0 0]: the model's "c1.weight" has no connection from channel 0 to ` +
			`filter 1: want 0`: func(a []formats.Array) []formats.Array {
			a[0].Value.Float64s()[4] = math.NaN()
			return a
		},
		`array "0.weight" has 1 channels: ` +
			`filter 1 of the model's "c1.weight" reads channel 1`: func(a []formats.Array) []formats.Array {
			a[0] = array("0.weight", make([]float64, 6), 3, 1, 1, 2)
			return a
		},
		`array "0.weight" has shape (3, 2, 2, 1): ` +
			`want (4, 1, 2) for parameter "c1.weight"`: func(a []formats.Array) []formats.Array {
			a[0] = array("0.weight", make([]float64, 12), 3, 2, 2, 1)
			return a
		},
		`array "2.weight" has shape (18, 2): ` +
			`want (2, 3, 3, 2) for parameter "c2.weight"`: func(a []formats.Array) []formats.Array {
			a[2] = array("2.weight", make([]float64, 36), 18, 2)
			return a
		},
		`array "2.weight" has shape (3, 18): ` +
			`want (2, 3, 3, 2) for parameter "c2.weight"`: func(a []formats.Array) []formats.Array {
			a[2] = array("2.weight", make([]float64, 54), 3, 18)
			return a
		},
		`model "partial" has 4 parameters, the file 3 arrays: "0.weight", "2.weight", "2.bias"; ` +
			`array "0.bias" can't be read: it is text`: func(a []formats.Array) []formats.Array {
			a[1].Value, a[1].Err = nil, errors.New("it is text")
			return a
		},
		`model "partial" has a parameter "c2.bias", but by its position array "c2.bias" is "c1.bias": ` +
			`want a map of the names`: func(a []formats.Array) []formats.Array {
			a[1].Name = "c2.bias"
			return a
		},
	} {
		_, err := models.Rename(partlyConnected(t), change(torchArrays()))
		assert.EqualError(t, err, want)
	}
}

// TestRenameSaysNotTooMuch: errors have a bounded length for any file.
func TestRenameSaysNotTooMuch(t *testing.T) {
	m, err := graph.New(models.DefaultSimpleConvNet().Spec())
	require.NoError(t, err)
	long := strings.Repeat("x", 1<<20)
	arrays := []formats.Array{array(long, []float64{1}, 1)}
	for i := range 100 {
		arrays = append(arrays, array(fmt.Sprint("a", i), []float64{1}, 1))
	}
	_, err = models.Rename(m, arrays)
	require.ErrorContains(t, err, `has 6 parameters, the file 101 arrays: "xxxx`)
	assert.Regexp(t, `"a38", and 61 more$`, err.Error())
	assert.Less(t, len(err.Error()), 1000)
	for _, spoilt := range [][]formats.Array{{{Name: long}}, {arrays[0], arrays[0]}} {
		_, err = models.Rename(m, spoilt)
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 1000)
	}
}

func TestRenameBy(t *testing.T) {
	arrays := append(torchArrays(), array("steps", []int64{7}, 1))
	arrays[1], arrays[3] = arrays[3], arrays[1]
	names := map[string]string{"0.weight": "c1.weight", "0.bias": "c1.bias", "2.weight": "c2.weight",
		"2.bias": "c2.bias"}
	m := partlyConnected(t)
	renamed, err := models.RenameBy(m, arrays, names)
	require.NoError(t, err)
	require.NoError(t, m.SetParams(renamed))
	assert.Equal(t, []float64{1, 2, 3}, renamed[1].Value.Float64s())
}

// TestRenameByPrefix loads one of two networks in a file and ignores everything else.
func TestRenameByPrefix(t *testing.T) {
	var arrays []formats.Array
	for _, prefix := range []string{"ema.", "state_dict."} {
		for i, a := range torchArrays() {
			a.Name = prefix + []string{"c1.weight", "c1.bias", "c2.weight", "c2.bias"}[i]
			arrays = append(arrays, a)
		}
	}
	arrays[1].Value = array("", []float64{7, 8, 9}, 3).Value
	arrays = append(arrays, formats.Array{Name: "ema.decay", Err: errors.New("it is text")})
	renamed, err := models.RenameBy(partlyConnected(t), arrays, map[string]string{"ema.": ""})
	require.NoError(t, err)
	assert.Equal(t, []float64{7, 8, 9}, renamed[1].Value.Float64s())
	renamed, err = models.Rename(partlyConnected(t), arrays)
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 2, 3}, renamed[1].Value.Float64s(), "an average isn't the network itself")

	arrays[1].Value, arrays[1].Err = nil, errors.New("it is complex")
	_, err = models.RenameBy(partlyConnected(t), arrays, map[string]string{"ema.": ""})
	assert.EqualError(t, err, `array "ema.c1.bias", which maps to "c1.bias": it is complex`)
}

func TestRenameByRefuses(t *testing.T) {
	for want, change := range map[string]func(names map[string]string){
		`model "partial": no array maps to parameter "c2.bias"`: func(n map[string]string) { delete(n, "2.bias") },
		`"2.bias" maps to "fc": model "partial" has no parameter "fc": it has c1.weight, c1.bias, ` +
			`c2.weight, c2.bias`: func(n map[string]string) {
			n["2.bias"] = "fc"
		},
		`"2.bias" and "again" both map to "c2.bias": want one of them`: func(n map[string]string) {
			n["again"] = "c2.bias"
		},
		`array "3.bias" is missing: it maps to "c2.bias"; the file has "0.weight", "0.bias", ` +
			`"2.weight", "2.bias"`: func(n map[string]string) {
			delete(n, "2.bias")
			n["3.bias"] = "c2.bias"
		},
	} {
		names := map[string]string{"0.weight": "c1.weight", "0.bias": "c1.bias", "2.weight": "c2.weight",
			"2.bias": "c2.bias"}
		change(names)
		_, err := models.RenameBy(partlyConnected(t), torchArrays(), names)
		assert.EqualError(t, err, want)
	}
}

// TestBookNamesTravelBack checks that Rename accepts what ToBook writes.
func TestBookNamesTravelBack(t *testing.T) {
	m, err := graph.New(models.GradientCheckNet().Spec())
	require.NoError(t, err)
	book, err := models.ToBook(m)
	require.NoError(t, err)
	assert.Equal(t, "W2", book[2].Name)
	assert.Equal(t, tensor.Shape{160, 10}, book[2].Value.Shape())
	renamed, err := models.Rename(m, book)
	require.NoError(t, err)
	for i, p := range m.Params() {
		assert.Equal(t, p.Name, renamed[i].Name)
		assert.Equal(t, p.Value.Data(), renamed[i].Value.Data(), p.Name)
	}
}
