package main

import (
	"encoding/json"
	"encoding/xml"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// TestSummary expects the same summary by name, of the spec that -json-spec prints, and as JSON.
func TestSummary(t *testing.T) {
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		summary, err := graph.Summarize(spec)
		require.NoError(t, err)
		summary.Memory, err = graph.PlanMemory(spec, 100)
		require.NoError(t, err)
		assert.Equal(t, summary.String(), succeed(t, "summary", name))

		file := filepath.Join(t.TempDir(), "mine.json")
		require.NoError(t, os.WriteFile(file, []byte(succeed(t, "summary", name, "-json-spec")), 0o644))
		assert.Equal(t, summary.String(), succeed(t, "summary", file))
		fromFile, err := models.Find(file)
		require.NoError(t, err)
		assert.Equal(t, spec, fromFile)

		want, err := json.Marshal(summary)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), succeed(t, "summary", file, "-json"))
	}
}

// TestSummaryWithoutFusion expects more memory without fusion, and other memory for another batch.
func TestSummaryWithoutFusion(t *testing.T) {
	var fused, alone graph.Summary
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "summary", "simpleconvnet", "-json", "-batch", "7")), &fused))
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "summary", "simpleconvnet", "-json", "-batch", "7",
		"-no-fusion")), &alone))
	assert.Len(t, fused.Fused, 2)
	assert.Empty(t, alone.Fused)
	for i, m := range fused.Memory {
		assert.Less(t, m.ArenaBytes, alone.Memory[i].ArenaBytes)
	}
	assert.Equal(t, 7, fused.Memory[0].Images)
}

// TestSummaryOfRecomputation expects a smaller arena and its cost.
func TestSummaryOfRecomputation(t *testing.T) {
	var keeps, again graph.Summary
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "summary", "resnet20", "-json", "-batch", "2")), &keeps))
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "summary", "resnet20", "-json", "-batch", "2", "-recompute",
		"layer*.*")), &again))
	assert.Less(t, again.Memory[0].ArenaBytes, keeps.Memory[0].ArenaBytes)
	assert.Zero(t, keeps.Memory[0].RecomputedMultiplyAdds)
	assert.Positive(t, again.Memory[0].RecomputedMultiplyAdds)
	assert.Less(t, again.Memory[0].RecomputedMultiplyAdds, again.MultiplyAdds)
	assert.Equal(t, keeps.Memory[1], again.Memory[1], "a prediction keeps nothing")
	assert.Regexp(t,
		`a training step computes [\d,]+ multiply-adds of each image again, [\d.]+% of those going forward`,
		succeed(t, "summary", "resnet20", "-recompute", "layer1,layer2.0"))
	fail(t, cli.Failed, `no layer's name matches "layer9"`, "summary", "resnet20", "-recompute", "layer9")
}

func TestSummaryMeasures(t *testing.T) {
	text := succeed(t, "summary", "lenet-modern", "-batch", "2", "-measure")
	assert.Regexp(t, `if none shared +kernels' scratch\n +training step +2( +[\d,]+){3}\n`, text)
	assert.NotContains(t, succeed(t, "summary", "lenet-modern", "-batch", "2"), "scratch")
}

func TestSummaryOfParameters(t *testing.T) {
	want, params := succeed(t, "summary", "testdata/small.json"), small(t)
	assert.Equal(t, want, succeed(t, "summary", params))
	data, err := os.ReadFile(params)
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "x") // under a name that says nothing
	require.NoError(t, os.WriteFile(other, data, 0o644))
	assert.Equal(t, want, succeed(t, "summary", other))
}

func TestSummaryErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte("{\"name\": \"bad\",\n\"layers\": [{\"kind\": \"conv3d\"}]}"), 0o644))
	fail(t, cli.Failed, "bad.json:2: layer 1: kind \"conv3d\" is unknown", "summary", bad)
	fail(t, cli.Failed, `model "nonsense" is unknown`, "summary", "nonsense")
	fail(t, cli.BadUsage, `expected "<model>"`, "summary")
	fail(t, cli.BadUsage, "-batch is 0", "summary", "lenet", "-batch", "0")
}

// TestGraphPictures expects every layer in a well-formed picture, and more nodes with -grad.
func TestGraphPictures(t *testing.T) {
	dir := t.TempDir()
	sizes := map[string]int{}
	for _, name := range []string{"plain.svg", "plain.dot", "grad.svg", "grad.dot"} {
		file := filepath.Join(dir, name)
		args := []string{"graph", "testdata/small.json", "-o", file, "-batch", "7"}
		if strings.HasPrefix(name, "grad") {
			args = append(args, "-grad")
		}
		assert.Empty(t, succeed(t, args...))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		sizes[name] = len(text)
		for _, what := range []string{"conv1", "pool1", "fc2", "7×1×8×8"} {
			assert.Contains(t, string(text), what, name)
		}
		if strings.HasSuffix(name, ".svg") {
			wellFormed(t, string(text))
			continue
		}
		assert.Regexp(t, `(?s)^digraph .*\}\n$`, string(text))
	}
	assert.Greater(t, sizes["grad.svg"], sizes["plain.svg"])
	assert.Greater(t, sizes["grad.dot"], sizes["plain.dot"])
	fail(t, cli.BadUsage, "-batch is 0: want at least 1", "graph", "testdata/small.json", "-o", "graph.svg", "-batch",
		"0")
	fail(t, cli.BadUsage, "want a name that ends in .svg or .dot", "graph", "testdata/small.json", "-o", "graph.png")
	fail(t, cli.Failed, "missing.json", "graph", "missing.json", "-o", filepath.Join(dir, "x.svg"))
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
	}
}

// TestEval compares the figures for a folder of IDX files with the package's.
func TestEval(t *testing.T) {
	m, err := graph.New(models.DefaultSimpleConvNet().Spec())
	require.NoError(t, err)
	params := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, m.Save(params))
	_, test, err := mnist.Load()
	require.NoError(t, err)
	data := idxFolder(t, 30, 20)
	want, err := train.Confuse(m, dataset.Take(test, 20))
	require.NoError(t, err)

	text := succeed(t, "eval", params, "-data", data)
	assert.Contains(t, text, "accuracy "+want.Score().String()+"\n")
	assert.Len(t, strings.Split(strings.TrimSpace(text), "\n"), 2+10, "a line a class")

	report, err := json.Marshal(want.Report())
	require.NoError(t, err)
	assert.JSONEq(t, string(report), succeed(t, "eval", params, "-data", data, "-json"))
	assert.Contains(t, succeed(t, "eval", params, "-data", data, "-train"), "/30)")
}

// TestEvalTop prints the top-K accuracy as text and as JSON.
func TestEvalTop(t *testing.T) {
	params, data := saved(t, builtIn(t, "lenet-modern")), idxFolder(t, 1, 40)
	m, err := graph.Load(params)
	require.NoError(t, err)
	_, set, err := dataset.OpenIDX(data)
	require.NoError(t, err)
	var want train.Score
	_, err = train.Confuse(m, set, func(p train.Prediction) { want.Count(p.Rank() < 3) })
	require.NoError(t, err)
	assert.Contains(t, succeed(t, "eval", params, "-data", data, "-top", "3"),
		"\namong the 3 likeliest "+want.String()+"\n")

	var figures struct {
		Right int
		Top   struct {
			K, Right int
			Accuracy float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "eval", params, "-data", data, "-top", "3", "-json")),
		&figures))
	assert.Equal(t, 3, figures.Top.K)
	assert.Equal(t, want.Right, figures.Top.Right)
	assert.Equal(t, want.Accuracy(), figures.Top.Accuracy)
	assert.Less(t, figures.Right, want.Right)
	fail(t, cli.BadUsage, "-top is -1: want at least 0", "eval", params, "-top=-1")
}

// TestEvalOfFolders: class folders give the figures of the IDX files they were made of; a corrupt
// image is skipped.
func TestEvalOfFolders(t *testing.T) {
	params, idx := saved(t, builtIn(t, "lenet-modern")), idxFolder(t, 30, 20)
	folder := filepath.Join(t.TempDir(), "images")
	succeed(t, "images", "-data", idx, "-o", folder)
	// Class folders sort the images by class; the counts are the same.
	assert.Equal(t, succeed(t, "eval", params, "-data", idx), succeed(t, "eval", params, "-data", folder))
	assert.Contains(t, succeed(t, "eval", params, "-data", folder, "-train"), "/30)\n")
	out := t.TempDir()
	assert.Contains(t, succeed(t, "confusion", params, "-data", folder, "-o", out), "/20), ")

	images, err := filepath.Glob(filepath.Join(folder, "test", "7", "*.png"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(images[0], 60))
	assert.Contains(t, succeed(t, "eval", params, "-data", folder), "/19)\n")
	require.NoError(t, os.Remove(filepath.Join(folder, "test", "8"))) // which is empty
	fail(t, cli.Failed, "corrupt image "+images[0], "eval", params, "-data", folder, "-strict")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "test", "7", "photo.heic"), nil, 0o644))
	assert.Contains(t, succeed(t, "eval", params, "-data", folder), "/19)\n")
	fail(t, cli.Failed, "want class folders of pictures only", "eval", params, "-data", folder, "-strict")

	fail(t, cli.Failed, "takes no pictures: got input [3]", "eval",
		saved(t, graph.Sequential("row", tensor.Shape{3}, graph.He(), graph.Affine{Units: 10},
			graph.Softmax{})), "-data", folder)
	named := builtIn(t, "lenet-modern")
	named.ClassNames = []string{"ten", "names", "that", "are", "no", "folder's", "of", "those", "of", "digits"}
	fail(t, cli.Failed, `model "lenet-modern" knows the classes ["ten"`, "eval", saved(t, named), "-data", folder)
	fail(t, cli.Failed, "no IDX files: train-images-idx3-ubyte", "eval", params, "-data", t.TempDir())
}

// TestEvalOfAlexNet reads the middle of each image, as training does for its accuracy.
func TestEvalOfAlexNet(t *testing.T) {
	spec := smallAlexNet()
	folder := filepath.Join(t.TempDir(), "images")
	succeed(t, "images", "-data", idxFolder(t, 10, 20), "-o", folder)
	params := saved(t, spec)
	m, err := graph.Load(params)
	require.NoError(t, err)
	_, test, err := dataset.OpenFolder(folder, dataset.PictureOptions{Shape: tensor.Shape{3, 76, 76}}) // 256/227 of 67
	require.NoError(t, err)
	middle, err := dataset.Transformed(test, 0, dataset.CentreCrop{Height: 67, Width: 67})
	require.NoError(t, err)
	want, err := train.Confuse(m, middle)
	require.NoError(t, err)
	text, err := json.Marshal(want.Report())
	require.NoError(t, err)
	assert.JSONEq(t, string(text), succeed(t, "eval", params, "-data", folder, "-json"))
}

func TestEvalErrors(t *testing.T) {
	params := small(t)
	fail(t, cli.Failed, "missing", "eval", params, "-data", "missing")
	fail(t, cli.Failed, "(1, 8, 8)", "eval", params, "-data", idxFolder(t, 1, 1))
	fail(t, cli.Failed, "not.safetensors", "eval", "not.safetensors")
	fail(t, cli.BadUsage, `expected "<params>"`, "eval")
	fail(t, cli.BadUsage, "--data: got nothing, want a folder", "eval", params, "-data", "")
}

// TestImages expects a picture of every image, with its pixels, in its class's folder.
func TestImages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "images")
	said := succeed(t, "images", "-o", out, "-train-samples", "12", "-test-samples", "5")
	assert.Equal(t, "12 training and 5 test images in "+out+"\n", said)
	for split, n := range map[string]int{"train": 12, "test": 5} {
		files, err := filepath.Glob(filepath.Join(out, split, "[0-9]", "*.png"))
		require.NoError(t, err)
		assert.Len(t, files, n)
		for _, file := range files {
			f, err := os.Open(file)
			require.NoError(t, err)
			picture, err := png.Decode(f)
			f.Close()
			require.NoError(t, err)
			assert.Equal(t, 28, picture.Bounds().Dx())
		}
	}
	fail(t, cli.Failed, out, "images", "-o", out, "-train-samples", "1", "-test-samples", "1")
	fail(t, cli.BadUsage, "missing flags: --out", "images")
}

// TestHelpListsTheBuiltIns: the commands that take a built-in model list them.
func TestHelpListsTheBuiltIns(t *testing.T) {
	for _, command := range []string{"summary", "graph", "gradcheck"} {
		help := strings.Join(strings.Fields(succeed(t, command, "-help")), " ")
		assert.Contains(t, help, strings.Join(models.Names(), ", "), command)
	}
}
