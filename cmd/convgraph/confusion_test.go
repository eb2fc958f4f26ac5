package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train"
	"convgraph/train/dataset"
)

func TestConfusion(t *testing.T) {
	params, data := saved(t, builtIn(t, "lenet-modern")), digitsFolder(t, 60)
	dir := filepath.Join(t.TempDir(), "pictures")
	assert.Regexp(t, `^accuracy \d+\.\d\d% \(\d+/60\), \d+ misclassified; pictures in `,
		succeed(t, "confusion", params, "-o", dir, "-data", data, "-most", "12"))
	requireGolden(t, "confusion.png", filepath.Join(dir, "confusion.png"))
	requireGolden(t, "misclassified.png", filepath.Join(dir, "misclassified.png"))

	// The figures are train.Confuse's.
	m, err := graph.Load(params)
	require.NoError(t, err)
	_, set, err := dataset.OpenIDX(data)
	require.NoError(t, err)
	want, err := train.Confuse(m, set)
	require.NoError(t, err)
	var report train.Report
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "confusion", params, "-o", dir, "-data", data, "-train",
		"-json")), &report))
	assert.Equal(t, *want.Report(), report)
}

func TestMistakesAreInOrder(t *testing.T) {
	m, err := graph.Load(saved(t, builtIn(t, "lenet-modern")))
	require.NoError(t, err)
	_, set, err := dataset.OpenIDX(digitsFolder(t, 40))
	require.NoError(t, err)
	counts, mistakes, err := confuse(m, set)
	require.NoError(t, err)
	assert.Equal(t, 40, counts.Score().Right+len(mistakes))
	pixels := make([]float32, 28*28)
	for i, mk := range mistakes {
		label, err := set.Sample(mk.index, pixels)
		require.NoError(t, err)
		assert.Equal(t, label, mk.label)
		p, err := m.Probabilities(asBatch(pixels, set.Shape()))
		require.NoError(t, err)
		assert.Equal(t, graph.ArgMax(p)[0], mk.predicted)
		assert.InDelta(t, p.Float32s()[mk.predicted], mk.probability, 1e-6)
		assert.NotEqual(t, mk.label, mk.predicted)
		if i > 0 {
			assert.LessOrEqual(t, mk.probability, mistakes[i-1].probability)
		}
	}
}

// TestConfusionRemovesAnOldSheet: without mistakes to show, the sheet of an earlier run is removed.
func TestConfusionRemovesAnOldSheet(t *testing.T) {
	params, data, dir := saved(t, builtIn(t, "lenet-modern")), digitsFolder(t, 5), t.TempDir()
	sheet := filepath.Join(dir, "misclassified.png")
	require.NoError(t, os.WriteFile(sheet, nil, 0o644))
	succeed(t, "confusion", params, "-o", dir, "-data", data, "-most", "0")
	assert.NoFileExists(t, sheet)
}

func TestConfusionFailures(t *testing.T) {
	dir := t.TempDir()
	other := saved(t, graph.Sequential("other", tensor.Shape{1, 8, 8}, graph.He(), graph.Affine{Units: 10},
		graph.Softmax{}))
	fail(t, cli.Failed, `model "other" takes images of (1, 8, 8), the set has (1, 28, 28)`,
		"confusion", other, "-o", dir)
	few := saved(t, graph.Sequential("few", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 3},
		graph.Softmax{}))
	fail(t, cli.Failed, `model "few" has 3 classes, the data 10: want a model of the data`, "confusion", few, "-o", dir)
	fail(t, cli.BadUsage, "-most is -1: want at least 0", "confusion", few, "-o", dir, "-most=-1")
}
