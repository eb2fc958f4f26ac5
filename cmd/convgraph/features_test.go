package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/internal/testutil"
)

// TestFeaturesOfNets draws built-in networks of different kinds at small sizes, and compares
// LeNet's overview.
func TestFeaturesOfNets(t *testing.T) {
	path := page(t)
	names := []string{"simpleconvnet", "lenet", "lenet-tanh", "lenet-modern", "lenet-wide", "alexnet", "squeezenet1_1",
		"resnet20"}
	if testutil.RaceEnabled { // drawing hundreds of pages takes the detector many minutes, and runs nothing at once
		names = names[:2]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			spec := smallBuiltIn(t, name)
			dir := filepath.Join(t.TempDir(), "new", "folder")
			var said pages
			require.NoError(t, json.Unmarshal([]byte(succeed(t, "features", saved(t, spec), path, "-o", dir, "-json")),
				&said))
			assert.Equal(t, len(spec.Layers), said.Pages)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, len(spec.Layers)+1)
			for _, e := range entries {
				assert.Greater(t, readPNG(t, filepath.Join(dir, e.Name())).Bounds().Dx(), 100, e.Name())
			}
			if name == "lenet" {
				out := succeed(t, "features", saved(t, spec), path, "-o", dir)
				assert.Regexp(t, `^\d \([^)]+%\); \d+ pages and overview\.png in `, out)
				assert.True(t, strings.HasPrefix(out, said.Guess.String()+";"), "%s: %v", out, said.Guess)
				requireGolden(t, "features-overview.png", filepath.Join(dir, "overview.png"))
				requireGolden(t, "features-c1.png", filepath.Join(dir, "01-c1.png"))
			}
		})
	}
}

func TestFeaturesWithoutProbabilities(t *testing.T) {
	params := saved(t, graph.Sequential("headless", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Conv2D{Name: "a/b é", Filters: 2, Kernel: graph.Square(3)}))
	dir := t.TempDir()
	assert.Equal(t, "1 pages and overview.png in "+dir+"\n",
		succeed(t, "features", params, page(t), "-o", dir, "-scale", "each"))
	assert.JSONEq(t, `{"pages": 1}`, succeed(t, "features", params, page(t), "-o", dir, "-json"))
	assert.FileExists(t, filepath.Join(dir, "01-a_b__.png"))
	assert.Greater(t, readPNG(t, filepath.Join(dir, "overview.png")).Bounds().Dx(), 100)
}

// branchedNet is a small network with a shortcut, a concatenation and a gate.
func branchedNet(head ...graph.Part) *graph.Spec {
	conv := func(filters int) graph.Part {
		return graph.Serial(graph.Conv2D{Filters: filters, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true},
			graph.BatchNorm{})
	}
	return graph.Sequential("branched", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Block("stem", conv(4), graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)}),
		graph.Block("block1", graph.Residual(graph.Serial(conv(4), graph.ReLU{}, conv(4))), graph.ReLU{}),
		graph.Block("block2", graph.Branches(graph.Concat{}, conv(2), graph.Slice{Begin: 1, End: 3}),
			graph.Gate(graph.GlobalAvgPool{}, graph.Conv2D{Filters: 4, Kernel: graph.Square(1)}, graph.Sigmoid{})),
		graph.GlobalAvgPool{}, graph.Serial(head...))
}

// TestFeaturesOfBranches expects a page for each layer, in order, with what it reads, and a
// prediction for each loss.
func TestFeaturesOfBranches(t *testing.T) {
	for _, c := range []struct {
		name string
		head []graph.Part
		loss graph.Loss
		want string
	}{
		{"softmax", []graph.Part{graph.Affine{Units: 3}, graph.Softmax{}}, "", `^\w+ \(\d+\.\d\d%\); `},
		{"logits", []graph.Part{graph.Affine{Units: 3}}, graph.CrossEntropy, `^\w+ \(\d+\.\d\d%\); `},
		{"labels", []graph.Part{graph.Affine{Units: 3}, graph.Sigmoid{}}, "", `^(\w+ \(\d+\.\d\d%\)(, )?)+|no label; `},
		{"numbers", []graph.Part{graph.Affine{Units: 3}}, "", `^\w+: -?[\d.]+; `},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := branchedNet(c.head...)
			spec.Loss, spec.ClassNames = c.loss, []string{"tall", "round", "slanted"}
			params, dir := saved(t, spec), t.TempDir()
			assert.Regexp(t, c.want+`\d+ pages and overview\.png in `,
				succeed(t, "features", params, page(t), "-o", dir))
			assert.FileExists(t, filepath.Join(dir, "10-block1_add1.png"))
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, entries, len(spec.Layers)+1)
			if c.name == "labels" {
				requireGolden(t, "features-branched.png", filepath.Join(dir, "overview.png"))
			}

			var said struct {
				Outputs []float32
				HeatOf  int `json:"heat_of"`
				Class   *int
			}
			out := filepath.Join(dir, "saliency.png")
			require.NoError(t, json.Unmarshal([]byte(succeed(t, "saliency", params, page(t), "-o", out, "-json")),
				&said))
			assert.Equal(t, c.name == "numbers", said.Class == nil)
			assert.Len(t, said.Outputs, map[string]int{"numbers": 3}[c.name])
			assert.Contains(t, succeed(t, "saliency", params, page(t), "-o", out, "-class", "1"), "predicted ")
		})
	}
}

// TestOverviewOfManyLayers shows all layers of a short network, and the outputs of blocks of a long
// one.
func TestOverviewOfManyLayers(t *testing.T) {
	for name, want := range map[string]struct {
		least, most int
		among, not  []string
	}{
		"lenet": {13, 13, []string{"c1", "s2"}, nil},
		"resnet18": {25, 40, []string{"relu1", "pool1", "layer1.0.relu1", "layer1.0.relu2", "fc"},
			[]string{"conv1", "layer1.0.bn1", "softmax1"}},
		"googlenet": {12, 25, []string{"conv1.relu1", "inception3a.concat1", "inception5b.concat1"},
			[]string{"inception3a.branch1.relu1"}},
	} {
		m, err := graph.New(builtIn(t, name))
		require.NoError(t, err)
		shown := map[string]bool{}
		for n := range overviewNodes(m) {
			shown[n.Name] = true
		}
		assert.GreaterOrEqual(t, len(shown), want.least, "%s: %v", name, shown)
		assert.LessOrEqual(t, len(shown), want.most, "%s: %v", name, shown)
		for _, n := range want.among {
			assert.True(t, shown[n], "%s: %s", name, n)
		}
		for _, n := range want.not {
			assert.False(t, shown[n], "%s: %s", name, n)
		}
	}
}

func TestFeaturesFailures(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet")), page(t)
	fail(t, cli.Failed, "-o: mkdir "+path, "features", params, path, "-o", path)
	fail(t, cli.BadUsage, `missing flags: --out=DIR (see convgraph features -help)`, "features", params, path)
}
