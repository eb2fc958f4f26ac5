package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train/dataset"
)

func TestMaximize(t *testing.T) {
	params, data, dir := saved(t, builtIn(t, "lenet-modern")), digitsFolder(t, 60), t.TempDir()
	args := func(out string) []string {
		return []string{"maximize", params, "-layer", "s2", "-unit", "2", "-o", filepath.Join(dir, out), "-data", data,
			"-images", "50", "-steps", "40"}
	}
	assert.Regexp(t, `^s2, unit 2: [\d.]+ by gradient ascent; the 9 of 50 training images that excite it most: `+
		`[\d.]+ to [\d.]+\n$`, succeed(t, args("a.png")...))
	var said excitement
	require.NoError(t, json.Unmarshal([]byte(succeed(t, append(args("b.png"), "-json")...)), &said))
	assert.Equal(t, "s2", said.Layer)
	assert.Equal(t, 2, said.Unit)
	assert.Positive(t, said.Ascent)
	require.Len(t, said.Images, 9)
	assert.GreaterOrEqual(t, said.Images[0].Answer, said.Images[8].Answer)
	assert.Equal(t, readPNG(t, filepath.Join(dir, "a.png")), readPNG(t, filepath.Join(dir, "b.png")))
}

// patch is a network of one filter, whose most exciting input is known.
func patch(t *testing.T, rest ...graph.Part) *graph.Model {
	t.Helper()
	filter := graph.Conv2D{Filters: 1, Kernel: graph.Square(3)}
	m, err := graph.New(graph.Sequential("patch", tensor.Shape{1, 9, 9}, graph.He(), filter, graph.Serial(rest...)))
	require.NoError(t, err)
	weight, err := m.Param("conv1.weight")
	require.NoError(t, err)
	copy(weight.Float32s(), []float32{1, -1, 1, -1, 1, -1, 1, -1, 1})
	return m
}

// TestAscentFindsTheFilter expects, in the middle unit's window, white for positive weights and
// black for negative ones.
func TestAscentFindsTheFilter(t *testing.T) {
	x, answer, err := ascent{steps: 100, rate: 0.05, seed: 1}.climb(patch(t), "conv1", 0)
	require.NoError(t, err)
	assert.InDelta(t, 5, answer, 1e-3)
	for i := range 9 {
		want := float32(1 - i%2)
		assert.InDelta(t, want, x.Float32s()[(3+i/3)*9+3+i%3], 1e-3, "pixel %d of the window", i)
	}
}

// TestAscentWakesARectifier: the unit responds to no start, so the ascent begins before the
// rectifier.
func TestAscentWakesARectifier(t *testing.T) {
	m := patch(t, graph.ReLU{})
	bias, err := m.Param("conv1.bias")
	require.NoError(t, err)
	bias.Float32s()[0] = -4.5
	_, answer, err := ascent{steps: 100, rate: 0.05, seed: 1}.climb(m, "relu1", 0)
	require.NoError(t, err)
	assert.InDelta(t, 0.5, answer, 1e-3)

	bias.Float32s()[0] = -6
	_, _, err = ascent{steps: 100, rate: 0.05, seed: 1}.climb(m, "relu1", 0)
	assert.EqualError(t, err,
		`layer "relu1", unit 0 is dead: it responds to none of the inputs that were tried, and has no gradient there`)
}

// TestSoften: blur moves values to their neighbours and keeps their sum.
func TestSoften(t *testing.T) {
	x := tensor.New(tensor.WithShape(1, 1, 3, 3), tensor.WithBacking([]float32{0, 0, 0, 0, 1, 0, 0, 0, 0}))
	soften(x, 0.4)
	assert.InDeltaSlice(t, []float32{0, 0.1, 0, 0.1, 0.6, 0.1, 0, 0.1, 0}, x.Float32s(), 1e-7)
	corner := tensor.New(tensor.WithShape(1, 1, 2, 2), tensor.WithBacking([]float32{1, 0, 0, 0}))
	soften(corner, 0.4)
	assert.InDeltaSlice(t, []float32{0.8, 0.1, 0.1, 0}, corner.Float32s(), 1e-7)
}

func TestMostExciting(t *testing.T) {
	_, set, err := dataset.OpenIDX(digitsFolder(t, 30))
	require.NoError(t, err)
	m, err := graph.Load(saved(t, builtIn(t, "lenet-modern")))
	require.NoError(t, err)
	best, err := mostExciting(m, "c3", 5, set)
	require.NoError(t, err)
	require.Len(t, best, 9)
	answers := map[int]float64{}
	pixels := make([]float32, 28*28)
	for i := range 30 {
		_, err := set.Sample(i, pixels)
		require.NoError(t, err)
		all, err := m.Activations(asBatch(pixels, set.Shape()))
		require.NoError(t, err)
		answers[i] = float64(slices.Max(all[3].Value.Float32s()[5*100 : 6*100]))
	}
	least := best[8].Answer
	for _, e := range best {
		assert.InDelta(t, answers[e.Index], e.Answer, 1e-5)
		delete(answers, e.Index)
	}
	for i, a := range answers {
		assert.LessOrEqual(t, a, least+1e-5, "image %d is not among the nine", i)
	}
}

func TestMaximizeWithoutImages(t *testing.T) {
	m := patch(t)
	params, out := filepath.Join(t.TempDir(), "p.safetensors"), filepath.Join(t.TempDir(), "x.png")
	require.NoError(t, m.Save(params))
	assert.Equal(t,
		"conv1, unit 0: 5 by gradient ascent; no training images: give -data for a model of other images "+
			"than MNIST's\n",
		succeed(t, "maximize", params, "-layer", "conv1", "-unit", "0", "-o", out, "-blur", "0"))
	data := digitsFolder(t, 3)
	fail(t, cli.Failed, `model "patch" takes 1×9×9, the images in `+data+` are 1×28×28`, "maximize", params,
		"-layer", "conv1", "-unit", "0", "-o", out, "-data", data)
}

// TestMaximizeOfFolders finds the nine training images in class folders, too.
func TestMaximizeOfFolders(t *testing.T) {
	params, folder, dir := saved(t, smallAlexNet()), filepath.Join(t.TempDir(), "images"), t.TempDir()
	succeed(t, "images", "-data", idxFolder(t, 30, 20), "-o", folder)
	assert.Regexp(t, `^conv1, unit 2: [\d.]+ by gradient ascent; the 9 of 30 training images that excite it most: `+
		`[\d.]+ to [\d.]+\n$`,
		succeed(t, "maximize", params, "-layer", "conv1", "-unit", "2", "-o", filepath.Join(dir, "a.png"), "-data",
			folder, "-steps", "20"))
	assert.Positive(t, readPNG(t, filepath.Join(dir, "a.png")).Bounds().Dx())
	fail(t, cli.Failed, "no IDX files: train-images-idx3-ubyte",
		"maximize", params, "-layer", "conv1", "-unit", "2", "-o",
		filepath.Join(dir, "b.png"), "-data", t.TempDir(), "-steps", "1")
}

// TestBlurCostsNoResponse: the last steps, without blur, reach the largest response within the
// pixels' bounds.
func TestBlurCostsNoResponse(t *testing.T) {
	_, answer, err := ascent{steps: 100, rate: 0.05, blur: 0.3, seed: 1}.climb(patch(t), "conv1", 0)
	require.NoError(t, err)
	assert.InDelta(t, 5, answer, 1e-3)
}

func TestMaximizeFailures(t *testing.T) {
	params, out := saved(t, builtIn(t, "lenet-modern")), filepath.Join(t.TempDir(), "x.png")
	fail(t, cli.BadUsage,
		`-layer is "c4": the layers of model "lenet-modern" are `+
			`[c1 relu1 s2 c3 relu2 s4 c5 relu3 f6 relu4 output softmax1]`,
		"maximize", params, "-layer", "c4", "-unit", "0", "-o", out)
	fail(t, cli.BadUsage, `-unit is 6: layer "c1" of model "lenet-modern" has units 0 to 5`,
		"maximize", params, "-layer", "c1", "-unit", "6", "-o", out)
	for flag, line := range map[string]string{
		"-steps=0": "-steps is 0: want at least 1", "-rate=0": "-rate is 0: want more than 0",
		"-blur=2": "-blur is 2: want 0 to 1", "-images=-1": "-images is -1: want at least 0",
	} {
		fail(t, cli.BadUsage, line, "maximize", params, "-layer", "c1", "-unit", "0", "-o", out, flag)
	}
	assert.NoFileExists(t, out)
}

// TestSameUnitBefore follows a unit back through layers that reorder maps.
func TestSameUnitBefore(t *testing.T) {
	m, err := graph.New(graph.Sequential("moves", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Name: "a", Filters: 4, Kernel: graph.Square(1)},
		graph.Branches(graph.Concat{Name: "both"}, graph.Slice{Name: "part", Begin: 1, End: 3},
			graph.PadChannels{Name: "padded", Begin: 1}),
		graph.BatchNorm{Name: "norm"},
		graph.Slice{Name: "six", End: 6}, graph.ChannelShuffle{Name: "mixed", Groups: 3},
		graph.Residual(graph.Tanh{Name: "f"}), graph.GlobalAvgPool{}))
	require.NoError(t, err)
	for _, c := range []struct {
		layer  string
		unit   int
		before string
		same   int
	}{
		{"part", 1, "a", 2}, {"padded", 3, "a", 2}, {"padded", 0, "", 0}, {"both", 1, "part", 1},
		{"both", 4, "padded", 2},
		{"norm", 5, "both", 5}, {"mixed", 4, "six", 3}, {"add1", 2, "f", 2}, {"a", 0, "", 0},
	} {
		before, same, ok := sameUnitBefore(m, c.layer, c.unit)
		assert.Equal(t, c.before != "", ok, "%+v", c)
		if ok {
			assert.Equal(t, c.before, before, "%+v", c)
			assert.Equal(t, c.same, same, "%+v", c)
		}
	}
	_, _, ok := sameUnitBefore(m, "nowhere", 0)
	assert.False(t, ok)
}

// TestMaximizeOnBranches excites units of a join, of a normalisation, and of the layers after them.
func TestMaximizeOnBranches(t *testing.T) {
	params, dir := saved(t, branchedNet(graph.Affine{Units: 3}, graph.Softmax{})), t.TempDir()
	for _, layer := range []string{"block1.bn1", "block1.add1", "block2.concat1", "block2.multiply1"} {
		out := filepath.Join(dir, layer+".png")
		text := succeed(t, "maximize", params, "-layer", layer, "-unit", "1", "-o", out, "-steps", "10", "-images",
			"30")
		assert.Contains(t, text, layer+", unit 1: ")
		assert.Greater(t, readPNG(t, out).Bounds().Dx(), 100)
	}
}
