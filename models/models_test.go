package models_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// TestGoldens compares every built-in network's summary and JSON with the golden files.
func TestGoldens(t *testing.T) {
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		assert.Equal(t, name, spec.Name)
		summary, err := graph.Summarize(spec)
		require.NoError(t, err)
		summary.Memory, err = graph.PlanMemory(spec, 100)
		require.NoError(t, err)
		golden(t, name+".summary.txt", []byte(summary.String()))

		text, err := json.Marshal(spec)
		require.NoError(t, err)
		var lines bytes.Buffer
		require.NoError(t, json.Indent(&lines, text, "", "  "))
		golden(t, name+".json", append(lines.Bytes(), '\n'))

		fromFile, err := models.Find("testdata/" + name + ".json")
		require.NoError(t, err)
		assert.Equal(t, spec, fromFile)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test -update writes it")
	assert.Equal(t, string(want), string(got))
}

// TestTrainedParameters compares with torchvision's counts, and with the sum of He et al. 2015,
// section 4.2.
func TestTrainedParameters(t *testing.T) {
	for name, want := range map[string]int64{
		"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "squeezenet1_1": 1_235_496,
		"mobilenet_v2": 3_504_872, "squeezenet1_0": 1_248_424, "efficientnet_lite0": 4_652_008, "googlenet": 6_624_904,
		"resnet20": 269_434,
	} {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		summary, err := graph.Summarize(spec)
		require.NoError(t, err)
		assert.Equal(t, want, summary.Trainable, name)
	}
}

// TestParameterCounts compares with the counts of the papers and of the book.
func TestParameterCounts(t *testing.T) {
	lenet := map[string]int64{"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 850}
	for name, want := range map[string]struct {
		total  int64
		layers map[string]int64
	}{
		"simpleconvnet": {433_890, map[string]int64{"conv1": 780, "fc1": 432_100, "fc2": 1010}},
		"lenet":         {60_850, lenet},
		"lenet-tanh":    {60_850, lenet},
		"lenet-modern":  {61_706, map[string]int64{"c1": 156, "c3": 2416, "c5": 48_120, "f6": 10_164, "output": 850}},
		"lenet-wide":    {117_066, map[string]int64{"c1": 416, "c3": 12_832, "f5": 102_528, "output": 1290}},
		"alexnet": {60_965_224, map[string]int64{
			"conv1": 34_944, "conv2": 307_456, "conv3": 885_120, "conv4": 663_936, "conv5": 442_624,
			"fc1": 37_752_832, "fc2": 16_781_312, "fc3": 4_097_000,
		}},
	} {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		summary, err := graph.Summarize(spec)
		require.NoError(t, err)
		assert.Equal(t, want.total, summary.Parameters, name)
		layers := map[string]int64{}
		for _, l := range summary.Layers {
			if l.Parameters > 0 {
				layers[l.Name] = l.Parameters
			}
		}
		assert.Equal(t, want.layers, layers, name)
	}
}

// TestC3SeesWhatTableISays compares C3's connections with Table I as printed in the paper: a row
// for each map of S2, a column for each map of C3.
func TestC3SeesWhatTableISays(t *testing.T) {
	const paper = `
		X . . . X X X . . X X X X . X X
		X X . . . X X X . . X X X X . X
		X X X . . . X X X . . X . X X X
		. X X X . . X X X X . . X . X X
		. . X X X . . X X X X . X X . X
		. . . X X X . . X X X X . X X X`
	for _, name := range []string{"lenet", "lenet-tanh"} {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		at := slices.IndexFunc(spec.Layers,
			func(l graph.Layer) bool { c, ok := l.(graph.Conv2D); return ok && c.Name == "c3" })
		c3 := spec.Layers[at].(graph.Conv2D)
		require.Len(t, c3.Connections, 16)
		var table strings.Builder
		for s2 := range 6 {
			var row []string
			for _, seen := range c3.Connections {
				mark := "."
				if slices.Contains(seen, s2) {
					mark = "X"
				}
				row = append(row, mark)
			}
			table.WriteString("\n\t\t" + strings.Join(row, " "))
		}
		assert.Equal(t, paper, table.String(), name)
	}
}

// TestAlexNetStartsAsThePaperSays, section 5: "We initialized the neuron biases in the second,
// fourth, and fifth convolutional layers, as well as in the fully-connected hidden layers, with the
// constant 1. […] We initialized the neuron biases in the remaining layers with the constant 0";
// the weights are from a Gaussian around 0 of deviation 0.01.
func TestAlexNetStartsAsThePaperSays(t *testing.T) {
	m, err := graph.New(models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec())
	require.NoError(t, err)
	biases := map[string]float32{
		"conv1.bias": 0, "conv2.bias": 1, "conv3.bias": 0, "conv4.bias": 1, "conv5.bias": 1, "fc1.bias": 1,
		"fc2.bias": 1, "fc3.bias": 0,
	}
	require.Len(t, m.Params(), 2*len(biases))
	for _, p := range m.Params() {
		values := p.Value.Float32s()
		if bias, ok := biases[p.Name]; ok {
			for _, v := range values {
				require.Equal(t, bias, v, p.Name)
			}
			continue
		}
		require.True(t, strings.HasSuffix(p.Name, ".weight"), p.Name)
		sum, squares := 0., 0.
		for _, v := range values {
			sum, squares = sum+float64(v), squares+float64(v)*float64(v)
		}
		n := float64(len(values))
		assert.InDelta(t, 0, sum/n, 0.05/math.Sqrt(n), "%s: five deviations of the mean", p.Name)
		assert.InDelta(t, 0.01, math.Sqrt(squares/n), 0.05/math.Sqrt(2*n), "%s: five deviations of the deviation",
			p.Name)
	}
}

// TestSimpleConvNetTakesTheBooksArguments changes every argument.
func TestSimpleConvNetTakesTheBooksArguments(t *testing.T) {
	m, err := graph.New(models.SimpleConvNet{
		Input: tensor.Shape{3, 20, 24}, FilterNum: 4, FilterSize: 3, Pad: 1, Stride: 2, HiddenSize: 9, OutputSize: 7,
		WeightInitStd: graph.Xavier(),
	}.Spec())
	require.NoError(t, err)
	want := map[string]tensor.Shape{
		"conv1.weight": {4, 3, 3, 3}, "conv1.bias": {4}, "fc1.weight": {9, 4 * 5 * 6}, "fc1.bias": {9},
		"fc2.weight": {7, 9}, "fc2.bias": {7},
	}
	for _, p := range m.Params() {
		assert.Equal(t, want[p.Name], p.Value.Shape(), p.Name)
	}
	assert.Equal(t, graph.Xavier(), m.Spec().Init)
}

func TestModelErrors(t *testing.T) {
	hidden, filter, pooled := models.DefaultSimpleConvNet(), models.DefaultSimpleConvNet(),
		models.DefaultSimpleConvNet()
	hidden.HiddenSize = 0
	filter.FilterSize, filter.Pad = 31, 1
	pooled.FilterSize = 28
	for _, c := range []struct {
		spec *graph.Spec
		want string
	}{
		{hidden.Spec(),
			`model "simpleconvnet": layer 4 "fc1" (Affine{}, input (30, 12, 12)): 0 units: want at least 1`},
		{filter.Spec(),
			`model "simpleconvnet": layer 1 "conv1" (Conv2D{Filters: 30, Kernel: Square(31), ` +
				`Stride: Square(1), Pad: Square(1)}, input (1, 28, 28)): ` +
				`height: a window of 31 doesn't fit an input of 28 padded to 30`},
		{pooled.Spec(), `model "simpleconvnet": layer 3 "pool1" (MaxPool{Kernel: Square(2)}, input (30, 1, 1)): ` +
			`height: a window of 2 doesn't fit an input of 1 padded to 1`},
		{models.AlexNet{Size: 66}.Spec(),
			`model "alexnet": layer 15 "pool3" (MaxPool{Kernel: Square(3), Stride: Square(2)}, input (256, 2, 2)): ` +
				`height: a window of 3 doesn't fit an input of 2 padded to 2`},
		{models.AlexNet{Width: -1}.Spec(),
			`model "alexnet": layer 1 "conv1" (Conv2D{Kernel: Square(11), Stride: Square(4)}, input (3, 227, 227)): ` +
				`0 filters: want at least 1`},
		{models.AlexNet{Width: math.NaN()}.Spec(),
			`model "alexnet": layer 1 "conv1" (Conv2D{Kernel: Square(11), Stride: Square(4)}, input (3, 227, 227)): ` +
				`0 filters: want at least 1`},
		{models.AlexNet{Width: math.Inf(1)}.Spec(),
			`model "alexnet": layer 1 "conv1" (Conv2D{Kernel: Square(11), Stride: Square(4)}, input (3, 227, 227)): ` +
				`0 filters: want at least 1`},
		{models.AlexNet{Size: 67, Width: 1. / 1024, Classes: -1}.Spec(),
			`model "alexnet": layer 22 "fc3" (Affine{Units: -1}, input (4)): ` +
				`-1 units: want at least 1`},
	} {
		_, err := graph.New(c.spec)
		assert.EqualError(t, err, c.want)
	}
	for _, c := range []struct {
		net  models.LeNet
		want string
	}{
		{models.LeNet{Activation: "relu"}, `lenet: activation is "relu": want sigmoid or tanh`},
		{models.LeNet{Activation: "relu", Modern: true},
			`lenet: activation is "relu": want none for the modern and the wide network, which have ReLU`},
		{models.LeNet{Activation: "tanh", Wide: true},
			`lenet: activation is "tanh": want none for the modern and the wide network, which have ReLU`},
		{models.LeNet{Modern: true, Wide: true}, "lenet: both Modern and Wide are set: want one of them"},
	} {
		_, err := c.net.Spec()
		assert.EqualError(t, err, c.want)
	}
}

// TestAlexNetScales builds the network at its smallest size and with other widths.
func TestAlexNetScales(t *testing.T) {
	for width, parameters := range map[float64]int64{1. / 16: 300_000, 1. / 32: 80_000, 1e-9: 2000} {
		m, err := graph.New(models.AlexNet{Size: 67, Classes: 10, Width: width}.Spec())
		require.NoError(t, err)
		assert.Less(t, m.Summary().Parameters, parameters)
		assert.Equal(t, 10, m.Classes())
	}
	m, err := graph.New(models.AlexNet{Size: 67, Classes: 10, Width: 1. / 16}.Spec())
	require.NoError(t, err)
	weight, err := m.Param("conv2.weight")
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{16, 3, 5, 5}, weight.Shape())
}

// TestAlexNetSubtractsAColor gives the network the mean of a training set: a first layer maps
// values from 0 to 1 to the paper's range, up to 255, minus the mean; nothing else changes.
func TestAlexNetSubtractsAColor(t *testing.T) {
	small := models.AlexNet{Size: 67, Classes: 10, Width: 1. / 16}
	plain, err := graph.New(small.Spec())
	require.NoError(t, err)
	small.Mean = []float64{0.5, 0.25, 0.75}
	centered, err := graph.New(small.Spec())
	require.NoError(t, err)
	assert.Equal(t, "normalize", graph.Kind(small.Spec().Layers[0]))

	const plane = 67 * 67
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 3, 67, 67))
	shifted := x.Clone().(*tensor.Dense)
	for i := range 3 * plane {
		v := float32(i%9)/8 - 0.5
		x.Float32s()[i], shifted.Float32s()[i] = 255*v, v+float32(small.Mean[i/plane])
	}
	want, err := plain.Predict(x)
	require.NoError(t, err)
	got, err := centered.Predict(shifted)
	require.NoError(t, err)
	assert.Equal(t, want.Data(), got.Data())
}

func TestRecipes(t *testing.T) {
	book := models.Recipe{Epochs: 20, Batch: 100, Optimizer: "adam", LR: 0.001, Schedule: "constant"}
	paper := models.Recipe{Epochs: 90, Batch: 128, Optimizer: "momentum", LR: 0.01, Schedule: "cosine",
		WeightDecay: 0.0005}
	for model, want := range map[string]models.Recipe{"simpleconvnet": book, "mine.json": book, "alexnet": paper} {
		r, err := models.RecipeFor("book", model)
		require.NoError(t, err)
		assert.Equal(t, want, r, model)
	}
	_, err := models.RecipeFor("fast", "mine.json")
	assert.EqualError(t, err, `model "mine.json" has no recipe "fast": want "book", or one of the models simpleconvnet`)
	_, err = models.RecipeFor("slow", "simpleconvnet")
	assert.EqualError(t, err, `recipe "slow" is unknown: want one of book, fast, best`)
}

// TestModelFor: a recipe's default network has that recipe.
func TestModelFor(t *testing.T) {
	assert.Equal(t, "simpleconvnet", models.ModelFor("book"))
	assert.Equal(t, "simpleconvnet", models.ModelFor("slow"))
	for _, name := range models.RecipeNames() {
		_, err := models.RecipeFor(name, models.ModelFor(name))
		assert.NoError(t, err)
	}
}

func TestFind(t *testing.T) {
	for _, name := range models.Names() {
		want, err := models.ByName(name)
		require.NoError(t, err)
		found, err := models.Find(name)
		require.NoError(t, err)
		assert.Equal(t, want, found)
	}
	_, err := models.Find("resnet")
	assert.EqualError(t, err, `model "resnet" is unknown: want one of `+strings.Join(models.Names(), ", "))

	path := filepath.Join(t.TempDir(), "mine.json")
	_, err = models.Find(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path,
		[]byte("{\"name\": \"mine\",\n\"layers\": [\n{\"kind\": \"relu\"},\n{\"kind\": \"reluu\"}]}"), 0o600))
	_, err = models.Find(path)
	assert.ErrorContains(t, err, path+`:4: layer 2: kind "reluu" is unknown: want one of conv2d, `)
}

// TestEveryModelLearns takes a few steps of plain gradient descent on one batch: the loss of each
// model must decrease.
func TestEveryModelLearns(t *testing.T) {
	const batch = 8
	for _, c := range []struct {
		model string
		lr    float32
	}{{"simpleconvnet", 0.1}, {"lenet", 0.1}, {"lenet-tanh", 0.02}, {"lenet-modern", 0.02}, {"lenet-wide",
		0.02}, {"alexnet", 0.05}} {
		spec, err := models.ByName(c.model)
		require.NoError(t, err)
		if c.model == "alexnet" {
			spec = models.AlexNet{Size: 67, Classes: 10, Width: 1. / 16}.Spec()
		}
		m, err := graph.New(spec)
		require.NoError(t, err)
		step, err := m.NewStep(batch)
		require.NoError(t, err)
		labels := fillBatch(step, batch)
		before, err := m.Loss(step.Images(), labels)
		require.NoError(t, err)
		assert.InDelta(t, 2.3, before, 0.7, "%s knows nothing of its ten classes", c.model)
		for i := range 6 {
			_, err := step.Run(uint64(i))
			require.NoError(t, err)
			descend(t, step, c.lr)
		}
		after, err := m.Loss(step.Images(), labels)
		require.NoError(t, err)
		assert.Less(t, after, before-0.02, c.model)
		require.NoError(t, step.Close())
	}
}

// fillBatch makes images with a brightness and stripes for each class, and returns their labels.
func fillBatch(step *graph.Step, batch int) (labels *tensor.Dense) {
	x := step.Images().Float32s()
	numbers := make([]float32, batch)
	for i := range batch {
		class := i % 3
		numbers[i] = float32(class)
		step.Targets().Float32s()[i*10+class] = 1
		image := x[i*len(x)/batch : (i+1)*len(x)/batch]
		for j := range image {
			image[j] = float32((j*(class+1)+i)%7) / 7 * float32(class+1) / 3
		}
	}
	return tensor.New(tensor.WithShape(batch), tensor.WithBacking(numbers))
}

func descend(t *testing.T, step *graph.Step, lr float32) {
	t.Helper()
	for _, p := range step.Gradients() {
		g, err := p.Grad()
		require.NoError(t, err)
		values := p.Value().(*tensor.Dense).Float32s()
		for i, v := range g.(*tensor.Dense).Float32s() {
			values[i] -= lr * v
		}
	}
}
