package graph_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
)

func TestMovingLayersRefuseInvalidShapes(t *testing.T) {
	image, row := tensor.Shape{3, 4, 5}, tensor.Shape{6}
	for want, c := range map[string]struct {
		layer graph.Layer
		in    tensor.Shape
	}{
		"shape: got [3 20], want (channels, height, width)": {graph.Rearrange{Shape: []int{3, 20}}, image},
		"[3 4 5] to [61]: want as many numbers":             {graph.Rearrange{Shape: []int{61}}, image},
		"[-3 -20] to [60]: want as many numbers": {graph.Rearrange{Dims: []int{-3, -20}, Shape: []int{60}},
			image},
		"order: got [0 0 1] for 3 axes": {graph.Rearrange{Order: []int{0, 0, 1}, Shape: []int{60}},
			image},
		"order: got [0 1] for 3 axes": {graph.Rearrange{Order: []int{0, 1}, Shape: []int{60}},
			image},
		"axis: got 3 for the input (3, 4, 5), want 0 to 2": {graph.Take{Axis: 3, Indices: []int{0}}, image},
		"got 0 indices, want 1 to 1048576":                 {graph.Take{}, image},
		"index 4 of axis 1: want 0 to 3":                   {graph.Take{Axis: 1, Indices: []int{4}}, image},
		"got a padding of -1, want 0 to":                   {graph.Pad{Begin: graph.Pair{0, -1}}, image},
		"input: got (6), want (channels, height, width)":   {graph.Pad{}, row},
		"neither factors nor terms":                        {graph.Scale{NoWeight: true, NoBias: true}, row},
		"shape: got [3] for the input (3, 4, 5)":           {graph.Scale{Shape: []int{3}}, image},
		"shape: got [4 1 1] for the input (3, 4, 5)":       {graph.Scale{Shape: []int{4, 1, 1}}, image},
		`mode: got "area", want one of`:                    {graph.Resize{Size: graph.Square(2), Mode: "area"}, image},
		"size: got 0x2, want 1 to 1048576":                 {graph.Resize{Size: graph.Pair{0, 2}}, image},
		"scale: got [1e+300 0]": {graph.Resize{Size: graph.Square(2),
			Scale: [2]float64{1e300}}, image},
		"region: got [NaN 0 0 0]": {graph.Resize{Size: graph.Square(2),
			Region: [4]float64{math.NaN()}}, image},
		"p: got 0.5, want a number from 1 to 64":            {graph.LpPool{P: 0.5, Kernel: graph.Square(2)}, image},
		"axis: got 1 for the input (6), want 0 to 0":        {graph.Softmax{Axis: 1}, row},
		"axis: got -1 for the input (3, 4, 5), want 0 to 2": {graph.LogSoftmax{Axis: -1}, image},
	} {
		_, err := c.layer.Output(c.in)
		assert.ErrorContains(t, err, want)
	}
	_, err := graph.Divide{}.Output(image, row)
	assert.ErrorContains(t, err, "value 2: got (6), want (3, 4, 5)")
}

// TestSoftmaxAlongAnAxis: a softmax along the width is one over the channels with the two axes
// swapped.
func TestSoftmaxAlongAnAxis(t *testing.T) {
	m, err := graph.New(graph.Sequential("rows", tensor.Shape{1, 1, 3}, graph.Init{}, graph.Softmax{Axis: 2}))
	require.NoError(t, err)
	assert.True(t, m.HasProbabilities())
	p, err := m.Probabilities(tensor.New(tensor.WithShape(1, 1, 1, 3),
		tensor.WithBacking([]float32{0, float32(math.Log(2)), 0})))
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{0.25, 0.5, 0.25}, p.Data(), 1e-6)
}

// TestNewOfTakesArrays: arrays of the model's element type aren't copied.
func TestNewOfTakesArrays(t *testing.T) {
	spec := graph.Sequential("row", tensor.Shape{2}, graph.Init{}, graph.Scale{Shape: []int{2}, NoBias: true})
	shapes, err := graph.ParameterShapes(spec)
	require.NoError(t, err)
	require.Len(t, shapes, 1)
	assert.Equal(t, "scale1.weight", shapes[0].Name)
	value := tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{3, 4}))
	m, err := graph.NewOf(spec, one("scale1.weight", value))
	require.NoError(t, err)
	assert.Same(t, value, m.Params()[0].Value)

	large := tensor.New(tensor.WithShape(2), tensor.WithBacking([]float64{1, 1e300}))
	_, err = graph.NewOf(spec, one("scale1.weight", large))
	assert.ErrorContains(t, err, `element 1 of parameter "scale1.weight": got 1e+300, want a number of float32`)
	m, err = graph.NewOf(spec, one("scale1.weight", large), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	assert.Same(t, large, m.Params()[0].Value)
	_, err = graph.NewOf(spec, nil)
	assert.ErrorContains(t, err, "missing")
}

func one(name string, value *tensor.Dense) []formats.Array {
	return []formats.Array{{Name: name, Value: value}}
}
