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
)

// TestFeaturesOfNets draws the built-in nets that differ in kind, those of large pictures in small, and compares
// LeNet's overview.
func TestFeaturesOfNets(t *testing.T) {
	path := page(t)
	for _, name := range []string{"simpleconvnet", "lenet", "lenet-tanh", "lenet-modern", "lenet-wide", "alexnet", "squeezenet1_1", "resnet20"} {
		t.Run(name, func(t *testing.T) {
			spec := inSmall(t, name)
			dir := filepath.Join(t.TempDir(), "new", "folder")
			out := succeed(t, "features", saved(t, spec), path, "-o", dir)
			assert.Regexp(t, `^\d \(\d+\.\d\d%\); \d+ pages and overview\.png in `, out)
			var said pages
			require.NoError(t, json.Unmarshal([]byte(succeed(t, "features", saved(t, spec), path, "-o", dir, "-json")), &said))
			assert.Equal(t, len(spec.Layers), said.Pages)
			assert.True(t, strings.HasPrefix(out, said.Guess.String()+";"), "%s: %v", out, said.Guess)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, len(spec.Layers)+1)
			for _, e := range entries {
				assert.Greater(t, readPNG(t, filepath.Join(dir, e.Name())).Bounds().Dx(), 100, e.Name())
			}
			if name == "lenet" {
				requireGolden(t, "features-overview.png", filepath.Join(dir, "overview.png"))
				requireGolden(t, "features-c1.png", filepath.Join(dir, "01-c1.png"))
			}
		})
	}
}

func TestFeaturesWithoutProbabilities(t *testing.T) {
	params := saved(t, graph.Sequential("headless", tensor.Shape{1, 28, 28}, graph.He(), graph.Conv2D{Name: "a/b é", Filters: 2, Kernel: graph.Square(3)}))
	dir := t.TempDir()
	assert.Equal(t, "1 pages in "+dir+"; no overview, because the model has no probabilities\n", succeed(t, "features", params, page(t), "-o", dir, "-scale", "each"))
	assert.JSONEq(t, `{"pages": 1}`, succeed(t, "features", params, page(t), "-o", dir, "-json"))
	assert.FileExists(t, filepath.Join(dir, "01-a_b__.png"))
	assert.NoFileExists(t, filepath.Join(dir, "overview.png"))
}

func TestFeaturesFailures(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet")), page(t)
	fail(t, cli.Failed, "-o: mkdir "+path, "features", params, path, "-o", path)
	fail(t, cli.BadUsage, `missing flags: --out=DIR (see convgraph -help)`, "features", params, path)
}
