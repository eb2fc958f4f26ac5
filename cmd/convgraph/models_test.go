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

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// TestSummary wants the same summary by name, of the spec that -json-spec prints, and as JSON.
func TestSummary(t *testing.T) {
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		summary, err := graph.Summarize(spec)
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

func TestSummaryOfParameters(t *testing.T) {
	assert.Equal(t, succeed(t, "summary", "testdata/small.json"), succeed(t, "summary", small(t)))
}

func TestSummaryErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte("{\"name\": \"bad\",\n\"layers\": [{\"kind\": \"conv3d\"}]}"), 0o644))
	fail(t, cli.Failed, "bad.json:2: layer 1: kind \"conv3d\" is unknown", "summary", bad)
	fail(t, cli.Failed, `model "nonsense" is unknown`, "summary", "nonsense")
	fail(t, cli.BadUsage, `expected "<model>"`, "summary")
}

// TestGraphPictures wants every layer in a picture that is well formed, and more of it with -grad.
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

// TestEval counts on a folder of IDX files, made of the embedded test images, and wants the package's figures.
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

func TestEvalErrors(t *testing.T) {
	params := small(t)
	fail(t, cli.Failed, "missing", "eval", params, "-data", "missing")
	fail(t, cli.Failed, "(1, 8, 8)", "eval", params, "-data", idxFolder(t, 1, 1))
	fail(t, cli.Failed, "not.safetensors", "eval", "not.safetensors")
	fail(t, cli.BadUsage, `expected "<params>"`, "eval")
}

// TestImages wants a picture of every image, with its pixels, in its class's folder.
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
