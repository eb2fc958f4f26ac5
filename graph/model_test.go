package graph_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

func TestLayersAreNamed(t *testing.T) {
	m := newModel(t, graph.Sequential("names", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 1, Kernel: graph.Square(1)},
		graph.Conv2D{Name: "mine", Filters: 1, Kernel: graph.Square(1)},
		graph.Conv2D{Filters: 1, Kernel: graph.Square(1)}, graph.Subsample{Kernel: graph.Square(2)},
		graph.AvgPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 2}))
	var names []string
	for _, p := range m.Params() {
		names = append(names, p.Name)
	}
	assert.Equal(t,
		"conv1.weight conv1.bias mine.weight mine.bias conv2.weight conv2.bias pool1.coefficient pool1.bias "+
			"fc1.weight fc1.bias",
		strings.Join(names, " "))
	var layers []string
	for _, l := range m.Summary().Layers {
		layers = append(layers, l.Name)
	}
	assert.Equal(t, []string{"conv1", "mine", "conv2", "pool1", "pool2", "fc1"}, layers)

	weight, err := m.Param("mine.weight")
	require.NoError(t, err)
	assert.Same(t, m.Params()[2].Value, weight)
	_, err = m.Param("mine.weights")
	assert.EqualError(t, err, `model "names" has no parameter "mine.weights": it has `+strings.Join(names, ", "))
}

// TestModelErrors compares the whole error of models that don't fit.
func TestModelErrors(t *testing.T) {
	image, wide := tensor.Shape{1, 28, 28}, tensor.Shape{6, 28, 28}
	conv := func(c graph.Conv2D) []graph.Part { return []graph.Part{graph.ReLU{}, c} }
	for _, c := range []struct {
		want   string
		input  tensor.Shape
		layers []graph.Part
	}{
		{`model "m": layer 2 "fc1" (Affine{}, input (1, 28, 28)): got 0 units, want at least 1`,
			image, []graph.Part{graph.ReLU{}, graph.Affine{}}},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 4, Kernel: Pair{31, 3}, Pad: Square(1)}, input (1, 28, 28)): ` +
			`height: a window of 31 doesn't fit an input of 28 padded to 30`,
			image, conv(graph.Conv2D{Filters: 4, Kernel: graph.Pair{31, 3}, Pad: graph.Square(1)})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 4, Kernel: Pair{3, 5}, Dilation: Square(8)},` +
			` input (1, 28, 28)): width: a window of 33 doesn't fit an input of 28 padded to 28`,
			image, conv(graph.Conv2D{Filters: 4, Kernel: graph.Pair{3, 5}, Dilation: graph.Square(8)})},
		{`model "m": layer 2 "conv1" (Conv2D{Kernel: Square(3)}, input (1, 28, 28)): got 0 filters, want at least 1`,
			image, conv(graph.Conv2D{Kernel: graph.Square(3)})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 1, Kernel: Pair{0, 3}}, input (1, 28, 28)): height: ` +
			`window: got kernel 0, stride 1, dilation 1, pad 0, ` +
			`want kernel, stride and dilation of at least 1, pad of at least 0`,
			image, conv(graph.Conv2D{Filters: 1, Kernel: graph.Pair{0, 3}})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 9, Kernel: Square(3), Groups: 2}, input (6, 28, 28)): ` +
			`got 6 input channels and 9 filters for 2 groups, want multiples`,
			wide, conv(graph.Conv2D{Filters: 9, Kernel: graph.Square(3), Groups: 2})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 8, Kernel: Square(3), Groups: 4}, input (6, 28, 28)): ` +
			`got 6 input channels and 8 filters for 4 groups, want multiples`,
			wide, conv(graph.Conv2D{Filters: 8, Kernel: graph.Square(3), Groups: 4})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 8, Kernel: Square(3), Groups: -1}, input (6, 28, 28)): ` +
			`got 6 input channels and 8 filters for -1 groups, want multiples`,
			wide, conv(graph.Conv2D{Filters: 8, Kernel: graph.Square(3), Groups: -1})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 3, Kernel: Square(3), Connections: [][]int{{0}, {1}}},` +
			` input (6, 28, 28)): got connections for 2 filters in 1 groups, want 3 filters in 1 group`,
			wide, conv(graph.Conv2D{Filters: 3, Kernel: graph.Square(3), Connections: [][]int{{0}, {1}}})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 2, Kernel: Square(3), Connections: [][]int{{0}, {}}},` +
			` input (6, 28, 28)): connections of output channel 1: got none, want at least one`,
			wide, conv(graph.Conv2D{Filters: 2, Kernel: graph.Square(3), Connections: [][]int{{0}, {}}})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 1, Kernel: Square(3), Connections: [][]int{{2, 2}}},` +
			` input (6, 28, 28)): connections of output channel 0: got [2 2], ` +
			`want channels 0 to 5 in increasing order`,
			wide, conv(graph.Conv2D{Filters: 1, Kernel: graph.Square(3), Connections: [][]int{{2, 2}}})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 1, Kernel: Square(3), Connections: [][]int{{0, 6}}},` +
			` input (6, 28, 28)): connections of output channel 0: got [0 6], ` +
			`want channels 0 to 5 in increasing order`,
			wide, conv(graph.Conv2D{Filters: 1, Kernel: graph.Square(3), Connections: [][]int{{0, 6}}})},
		{`model "m": layer 2 "conv1" (Conv2D{Filters: 1, Kernel: Square(3)}, input (5)): input: got (5), ` +
			`want (channels, height, width)`,
			image, []graph.Part{graph.Affine{Units: 5}, graph.Conv2D{Filters: 1, Kernel: graph.Square(3)}}},
		{`model "m": layer 1 "pool1" (MaxPool{Kernel: Square(29)}, input (1, 28, 28)): height: ` +
			`a window of 29 doesn't fit an input of 28 padded to 28`,
			image, []graph.Part{graph.MaxPool{Kernel: graph.Square(29)}}},
		{`model "m": layer 1 "pool1" (AvgPool{Kernel: Square(2), Pad: Square(2)}, input (1, 28, 28)): height: ` +
			`pad: got 2, want less than the kernel 2: a window would see only padding`,
			image, []graph.Part{graph.AvgPool{Kernel: graph.Square(2), Pad: graph.Square(2)}}},
		{`model "m": layer 1 "pool1" (MaxPool{Kernel: Pair{2, 3}, Stride: Square(3), Pad: Pair{2, 0}},` +
			` input (1, 28, 28)): height: pad: got 2, want less than the kernel 2: a window would see only padding`,
			image, []graph.Part{graph.MaxPool{Kernel: graph.Pair{2, 3}, Stride: graph.Square(3),
				Pad: graph.Pair{2, 0}}}},
		{`model "m": layer 1 "pool1" (Subsample{}, input (1, 28, 28)): height: ` +
			`window: got kernel 0, stride 0, dilation 1, pad 0, ` +
			`want kernel, stride and dilation of at least 1, pad of at least 0`,
			image, []graph.Part{graph.Subsample{}}},
		{`model "m": layer 1 "normalize1" (Normalize{Mean: []float64{0}, Std: []float64{0, 0, 0, 0, …}},` +
			` input (6, 28, 28)): got 1 means and 6 stds, want 6 of each, one for each channel`,
			wide, []graph.Part{graph.Normalize{Mean: []float64{0}, Std: make([]float64, 6)}}},
		{`model "m": layer 1 "normalize1" (Normalize{Mean: []float64{0}, Std: []float64{0}}, input (1, 28, 28)): ` +
			`std of channel 0: got 0, want more than 0`,
			image, []graph.Part{graph.Normalize{Mean: []float64{0}, Std: []float64{0}}}},
		{`model "m": layer 1 "dropout1" (Dropout{Rate: 1}, input (1, 28, 28)): rate: got 1, ` +
			`want at least 0 and less than 1`,
			image, []graph.Part{graph.Dropout{Rate: 1}}},
		{`model "m": layer 1 "dropout1" (Dropout{Rate: NaN}, input (1, 28, 28)): rate: got NaN, ` +
			`want at least 0 and less than 1`,
			image, []graph.Part{graph.Dropout{Rate: math.NaN()}}},
		{`model "m": layer 1 "tanh1" (Tanh{A: 1e+60}, input (1, 28, 28)): A: ` +
			`got 1e+60, want a finite number of float32`,
			image, []graph.Part{graph.Tanh{A: 1e60}}},
		{`model "m": layer 1 "tanh1" (Tanh{A: 1e-60}, input (1, 28, 28)): ` +
			`a and b: got 1e-60 and 1, want finite numbers, and an a that isn't 0`,
			image, []graph.Part{graph.Tanh{A: 1e-60}}},
		{`model "m": layer 1 "normalize1" (Normalize{Mean: []float64{0}, Std: []float64{1e-60}}, input (1, 28, 28)): ` +
			`std of channel 0: got 1e-60, want 1/std in the range of float32`,
			image, []graph.Part{graph.Normalize{Mean: []float64{0}, Std: []float64{1e-60}}}},
		{`model "m": layer 1 "lrn1" (LRN{K: 2, Alpha: 1}, input (1, 28, 28)): ` +
			`constants: got size 0, k 2, alpha 1, want a size from 1 to 1048576, k above 0, alpha of at least 0`,
			image, []graph.Part{graph.LRN{K: 2, Alpha: 1}}},
		{`model "m": layer 3 (Sigmoid{}): the name "relu1" is taken by an earlier layer`,
			image, []graph.Part{graph.ReLU{}, graph.Affine{Units: 1}, graph.Sigmoid{Name: "relu1"}}},
		{`model "m": layer 2 (ReLU{}): the name "relu1" is taken by an earlier layer`,
			image, []graph.Part{graph.Sigmoid{Name: "relu1"}, graph.ReLU{}}},
		{`model "m": layer 2 is nil`, image, []graph.Part{graph.ReLU{}, nil}},
		{`model "m": layer 2 is nil`, image, []graph.Part{graph.ReLU{}, (*graph.Conv2D)(nil)}},
		{`model "m": layer 1 is a *graph.Softmax: want a graph.Softmax`, image, []graph.Part{&graph.Softmax{}}},
		{`model "m": layer 1 "tanh1" (Tanh{A: NaN}, input (1, 28, 28)): ` +
			`a and b: got NaN and 1, want finite numbers, and an a that isn't 0`,
			image, []graph.Part{graph.Tanh{A: math.NaN()}}},
		{`model "m": layer 1 "tanh1" (Tanh{A: 1e+60}, input (1, 28, 28)): A: ` +
			`got 1e+60, want a finite number of float32`,
			image, []graph.Part{graph.Tanh{A: 1e60}}},
		{`model "m": layer 1 "tanh1" (Tanh{A: 1e-60}, input (1, 28, 28)): ` +
			`a and b: got 1e-60 and 1, want finite numbers, and an a that isn't 0`,
			image, []graph.Part{graph.Tanh{A: 1e-60}}},
		{`model "m": layer 1 "normalize1" (Normalize{Mean: []float64{0}, Std: []float64{1e-60}}, input (1, 28, 28)): ` +
			`std of channel 0: got 1e-60, want 1/std in the range of float32`,
			image, []graph.Part{graph.Normalize{Mean: []float64{0}, Std: []float64{1e-60}}}},
		{`model "m": layer 1 "lrn1" (LRN{Size: 5, K: 1, Beta: +Inf}, input (1, 28, 28)): Beta: got +Inf, ` +
			`want a finite number of float32`,
			image, []graph.Part{graph.LRN{Size: 5, K: 1, Beta: math.Inf(1)}}},
		{`model "m": layer 1 "normalize1" (Normalize{Mean: []float64{NaN}, Std: []float64{1}}, input (1, 28, 28)): ` +
			`Mean of channel 0: got NaN, want a finite number of float32`,
			image, []graph.Part{graph.Normalize{Mean: []float64{math.NaN()}, Std: []float64{1}}}},
		{`model "m": layer 1 "fc1" (Affine{Units: 2, Bias: NaN}, input (1, 28, 28)): Bias: got NaN, ` +
			`want a finite number of float32`,
			image, []graph.Part{graph.Affine{Units: 2, Bias: math.NaN()}}},
		{`model "m": layer 1 "fc1" (Affine{Units: 2, Init: Gaussian(-1)}, input (1, 28, 28)): ` +
			`initialization: got gaussian -1, want a std of at least 0`,
			image, []graph.Part{graph.Affine{Units: 2, Init: graph.Gaussian(-1)}}},
		{`model "m": got no layers, want at least one`, image, nil},
		{`model "m": input: got (28, 28), want (channels, height, width) or (features)`, tensor.Shape{28, 28},
			[]graph.Part{graph.ReLU{}}},
		{`model "m": input: got (1, 0, 28), want sizes from 1 to 1048576`, tensor.Shape{1, 0, 28},
			[]graph.Part{graph.ReLU{}}},
	} {
		_, err := graph.New(graph.Sequential("m", c.input, graph.He(), c.layers...))
		assert.EqualError(t, err, c.want)
	}
	_, err := graph.New(nil)
	assert.EqualError(t, err, "the model's spec is nil")
	_, err = graph.New(graph.Sequential("m", image, graph.Gaussian(math.NaN()), graph.ReLU{}))
	assert.EqualError(t, err, `model "m": initialization: got gaussian NaN, want a std of at least 0`)
	named := smallNet()
	named.ClassNames = []string{"a", "b", "c"}
	_, err = graph.New(named)
	assert.EqualError(t, err,
		`model "small": got 3 class names for 4 outputs of layer "fc2", want one for each, or none`)
	_, err = graph.New(smallNet(), graph.WithDtype(tensor.Int))
	assert.EqualError(t, err, `model "small": element type: got int, want float32 or float64`)
}

// TestAbsurdSizesAreRefused gives New sizes that would need too much memory, or whose product
// overflows to a small number.
func TestAbsurdSizesAreRefused(t *testing.T) {
	image, plain := tensor.Shape{1, 28, 28}, tensor.Shape{1 << 10}
	for _, c := range []struct {
		want   string
		input  tensor.Shape
		layers []graph.Part
	}{
		{`layer 1 "fc1" (Affine{Units: 1099511627776}, input (1024)): output: got (1099511627776), ` +
			`want at most 2147483648 activations`,
			plain, []graph.Part{graph.Affine{Units: 1 << 40}}},
		{`layer 1 "fc1" (Affine{Units: 2097153}, input (1024)): weight: got (2097153, 1024), ` +
			`want at most 2147483648 elements in all parameters`,
			plain, []graph.Part{graph.Affine{Units: 1<<21 + 1}}},
		{`layer 2 "fc2" (Affine{Units: 1048575}, input (1048575)): weight: got (1048575, 1048575), ` +
			`want at most 2147483648 elements in all parameters`,
			plain, []graph.Part{graph.Affine{Units: 1<<20 - 1}, graph.Affine{Units: 1<<20 - 1}}},
		{`layer 1 "conv1" (Conv2D{Filters: 9223372036854775807, Kernel: Square(1)}, input (1, 28, 28)): ` +
			`output: got (9223372036854775807, 28, 28), want at most`,
			image, []graph.Part{graph.Conv2D{Filters: math.MaxInt, Kernel: graph.Square(1)}}},
		{`layer 1 "conv1" (Conv2D{Filters: 1, Kernel: Square(1), Pad: Square(4611686018427387904)},` +
			` input (1, 28, 28)): got 4611686018427387904 in a window's sizes, want at most 1048576`,
			image, []graph.Part{graph.Conv2D{Filters: 1, Kernel: graph.Square(1), Pad: graph.Square(1 << 62)}}},
		{`layer 1 "conv1" (Conv2D{Filters: 1, Kernel: Square(2), Dilation: Square(9223372036854775807)},` +
			` input (1, 28, 28)): got 9223372036854775807 in a window's sizes, want at most 1048576`,
			image, []graph.Part{graph.Conv2D{Filters: 1, Kernel: graph.Square(2),
				Dilation: graph.Square(math.MaxInt)}}},
		{`layer 1 "conv1" (Conv2D{Filters: 1, Kernel: Square(1), Pad: Square(1048576)}, input (1, 28, 28)): ` +
			`output: got (1, 2097180, 2097180), want at most`,
			image, []graph.Part{graph.Conv2D{Filters: 1, Kernel: graph.Square(1), Pad: graph.Square(1 << 20)}}},
		{`layer 1 "pool1" (MaxPool{Kernel: Square(4611686018427387904), Stride: Square(1)}, input (1, 28, 28)): ` +
			`got 4611686018427387904 in a window's sizes, want at most 1048576`,
			image, []graph.Part{graph.MaxPool{Kernel: graph.Square(1 << 62), Stride: graph.Square(1)}}},
		{`layer 1 "lrn1" (LRN{Size: 1099511627776, K: 1, Alpha: 1}, input (1, 28, 28)): ` +
			`constants: got size 1099511627776, k 1, alpha 1, want a size from 1 to 1048576`,
			image, []graph.Part{graph.LRN{Size: 1 << 40, K: 1, Alpha: 1}}},
		{`layer 3 "relu3" (ReLU{}, input (1024, 1024, 1024)): output: got (1024, 1024, 1024), want at most`,
			tensor.Shape{1 << 10, 1 << 10, 1 << 10}, []graph.Part{graph.ReLU{}, graph.ReLU{}, graph.ReLU{}}},
		{`input: got (1048576, 1048576, 1048576), want at most 2147483648 numbers`,
			tensor.Shape{1 << 20, 1 << 20, 1 << 20}, []graph.Part{graph.ReLU{}}},
		{`input: got (1, 1099511627776, 1), want sizes from 1 to 1048576`,
			tensor.Shape{1, 1 << 40, 1}, []graph.Part{graph.ReLU{}}},
	} {
		_, err := graph.New(graph.Sequential("m", c.input, graph.He(), c.layers...))
		assert.ErrorContains(t, err, `model "m": `+c.want)
	}
}

func TestSeedDecidesTheParameters(t *testing.T) {
	single, again := newModel(t, mixedNet(), graph.WithSeed(5)), newModel(t, mixedNet(), graph.WithSeed(5))
	double, other := newModel(t, mixedNet(), graph.WithSeed(5), graph.WithDtype(tensor.Float64)), newModel(t,
		mixedNet(), graph.WithSeed(6))
	first := newModel(t, mixedNet(), graph.WithSeed(1))
	for i, p := range newModel(t, mixedNet()).Params() {
		assert.Equal(t, p.Value.Data(), first.Params()[i].Value.Data(), "without WithSeed the seed is 1")
	}
	for i, p := range single.Params() {
		assert.Equal(t, p.Value.Data(), again.Params()[i].Value.Data(), p.Name)
		for j, v := range double.Params()[i].Value.Float64s() {
			assert.Equal(t, float32(v), p.Value.Float32s()[j], p.Name)
		}
		if !strings.HasSuffix(p.Name, ".weight") {
			continue
		}
		assert.NotEqual(t, p.Value.Data(), other.Params()[i].Value.Data(), p.Name)
	}
}

// TestAddedLayersLeaveOthersAlone inserts layers into a network and compares the parameters of the
// others.
func TestAddedLayersLeaveOthersAlone(t *testing.T) {
	first, last := graph.Conv2D{Name: "first", Filters: 3, Kernel: graph.Square(3)}, graph.Affine{Name: "last",
		Units: 4}
	input := tensor.Shape{2, 8, 8}
	short := newModel(t, graph.Sequential("short", input, graph.He(), first, last))
	long := newModel(t, graph.Sequential("long", input, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(1)}, first, graph.Conv2D{Filters: 3, Kernel: graph.Square(1)},
		graph.ReLU{}, last))
	for _, p := range short.Params() {
		same, err := long.Param(p.Name)
		require.NoError(t, err)
		assert.Equal(t, p.Value.Data(), same.Data(), p.Name)
	}
	assert.NotEqual(t, long.Params()[0].Value.Float32s()[:3], long.Params()[4].Value.Float32s()[:3],
		"layers of one shape start apart")
}

// TestInitializations measures the std of many weights.
func TestInitializations(t *testing.T) {
	const in, units = 300, 400 // of 120,000 values the std is known to 0.2%
	for _, c := range []struct {
		name  string
		init  graph.Init
		model graph.Init
		want  float64
		limit float64
	}{
		{"gaussian", graph.Gaussian(0.01), graph.He(), 0.01, math.Inf(1)},
		{"gaussian 0", graph.Gaussian(0), graph.He(), 0, 0},
		{"he", graph.He(), graph.Gaussian(1), math.Sqrt(2. / in), math.Inf(1)},
		{"xavier", graph.Xavier(), graph.Gaussian(1), math.Sqrt(1. / in), math.Inf(1)},
		{"xavier-sigmoid", graph.XavierSigmoid(), graph.Gaussian(1), 4 * math.Sqrt(1./in), math.Inf(1)},
		{"lecun-uniform", graph.LeCunUniform(), graph.Gaussian(1), 2.4 / in / math.Sqrt(3), 2.4 / in},
		{"the model's", graph.Init{}, graph.Xavier(), math.Sqrt(1. / in), math.Inf(1)},
		{"nobody's: he", graph.Init{}, graph.Init{}, math.Sqrt(2. / in), math.Inf(1)},
	} {
		m := newModel(t, graph.Sequential("init", tensor.Shape{in}, c.model,
			graph.Affine{Units: units, Init: c.init, Bias: 0.25}),
			graph.WithDtype(tensor.Float64))
		values := m.Params()[0].Value.Float64s()
		mean, std, largest := moments(values)
		assert.InDelta(t, c.want, std, 0.01*c.want, c.name)
		assert.InDelta(t, 0, mean, 5*c.want/math.Sqrt(in*units), c.name)
		assert.LessOrEqual(t, largest, c.limit, c.name)
		for _, b := range m.Params()[1].Value.Float64s() {
			require.Equal(t, 0.25, b)
		}
	}
}

// TestFanIn checks that a weight's std is that of the number of inputs its layer sums over.
func TestFanIn(t *testing.T) {
	input := tensor.Shape{32, 12, 12}
	two := make([][]int, 512)
	for i := range two {
		two[i] = []int{i % 31, i%31 + 1}
	}
	for _, c := range []struct {
		layer graph.Layer
		fanIn float64
	}{
		{graph.Conv2D{Filters: 64, Kernel: graph.Pair{3, 5}}, 32 * 15},
		{graph.Conv2D{Filters: 64, Kernel: graph.Pair{3, 5}, Groups: 4}, 8 * 15},
		{graph.Conv2D{Filters: 512, Kernel: graph.Pair{3, 5}, Connections: two}, 2 * 15},
		{graph.Affine{Units: 20}, 32 * 144},
	} {
		m := newModel(t, graph.Sequential("fan", input, graph.Xavier(), c.layer), graph.WithDtype(tensor.Float64))
		_, std, _ := moments(m.Params()[0].Value.Float64s())
		assert.InEpsilon(t, 1/math.Sqrt(c.fanIn), std, 0.03, "%v", c.layer)
	}
}

// TestConstantStarts checks the initial values that aren't random.
func TestConstantStarts(t *testing.T) {
	m := newModel(t, graph.Sequential("constant", tensor.Shape{2, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(1), Bias: 0.25}, graph.Subsample{Kernel: graph.Pair{2, 1}},
		graph.Subsample{Kernel: graph.Square(2), Coefficient: 3}, graph.Affine{Units: 2, Bias: -1}))
	for name, want := range map[string][]float32{
		"conv1.bias": {0.25, 0.25}, "pool1.coefficient": {0.5, 0.5}, "pool1.bias": {0, 0}, "pool2.coefficient": {3,
			3}, "fc1.bias": {-1, -1},
	} {
		p, err := m.Param(name)
		require.NoError(t, err)
		assert.Equal(t, want, p.Float32s(), name)
	}
}

func moments(values []float64) (mean, std, largest float64) {
	variance := 0.0
	for _, v := range values {
		mean += v / float64(len(values))
		largest = max(largest, math.Abs(v))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, math.Sqrt(variance), largest
}

func TestParseInit(t *testing.T) {
	for text, want := range map[string]graph.Init{
		"he": graph.He(), "relu": graph.He(), "He": graph.He(), "xavier": graph.Xavier(), "sigmoid": graph.Xavier(),
		"xavier-sigmoid": graph.XavierSigmoid(), "lecun-uniform": graph.LeCunUniform(),
		"0.01": graph.Gaussian(0.01), "1e-3": graph.Gaussian(0.001), "0": graph.Gaussian(0),
	} {
		got, err := graph.ParseInit(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "gaussian", "-0.5", "NaN", "Inf", "1e999", "0.01x", "1 2"} {
		_, err := graph.ParseInit(text)
		assert.ErrorContains(t, err, wantInit, text)
	}
	assert.Equal(t, "gaussian 0.01", graph.Gaussian(0.01).String())
	assert.Equal(t, "he", graph.He().String())
}

// TestNilOptions checks that nil options change nothing.
func TestNilOptions(t *testing.T) {
	spec := graph.Sequential("m", tensor.Shape{3}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	want, err := graph.New(spec, graph.WithSeed(4))
	require.NoError(t, err)
	m, err := graph.New(spec, nil, graph.WithSeed(4), nil)
	require.NoError(t, err)
	for i, p := range want.Params() {
		assert.Equal(t, p.Value.Data(), m.Params()[i].Value.Data())
	}
	step, err := m.NewStep(2, nil, graph.WithInputGradient())
	require.NoError(t, err)
	targetFirstClass(step)
	_, err = step.Run(1)
	require.NoError(t, err)
	_, err = step.InputGradient()
	require.NoError(t, err)
	require.NoError(t, step.Close())
}
