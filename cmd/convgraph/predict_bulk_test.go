package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/internal/cli"
)

func writeText(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// album writes pictures in subfolders, more than one part of them, and other files.
func album(t *testing.T) (dir string, pictures []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range maxSamplesAtOnce + 6 {
		path := filepath.Join(dir, fmt.Sprintf("folder %d", i/40), fmt.Sprintf("%03d.png", i))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		pictures = append(pictures, stripes(t, path, 1+i))
	}
	writeText(t, filepath.Join(dir, "readme.txt"), "no picture")
	writeText(t, filepath.Join(dir, ".hidden.png"), "no picture")
	writeText(t, filepath.Join(dir, ".thumbs", "a.png"), "no picture")
	return dir, pictures
}

func colours(t *testing.T, loss graph.Loss, last ...graph.Part) string {
	t.Helper()
	spec := graph.Sequential("colours", tensor.Shape{3, 8, 8}, graph.He(), append([]graph.Part{
		graph.Conv2D{Name: "conv", Filters: 4, Kernel: graph.Square(3)}, graph.ReLU{},
		graph.GlobalAvgPool{Name: "mean"}, graph.Affine{Name: "fc", Units: 5}}, last...)...)
	spec.Loss, spec.ClassNames = loss, []string{"a", "b", "c, d", "e", "f"}
	return saved(t, spec)
}

// TestPredictFolder prints a line for every picture below the folder, in the order of the names,
// the same as for the picture alone.
func TestPredictFolder(t *testing.T) {
	params := colours(t, "", graph.Softmax{})
	dir, pictures := album(t)
	lines := strings.Split(strings.TrimSpace(succeed(t, "predict", params, dir)), "\n")
	require.Len(t, lines, len(pictures))
	for i, line := range lines {
		require.True(t, strings.HasPrefix(line, pictures[i]+": "), line)
	}
	for _, i := range []int{0, 1, len(pictures) - 1} {
		assert.Equal(t, lines[i]+"\n", succeed(t, "predict", params, pictures[i]))
	}
	corrupt := filepath.Join(dir, "folder 0", "0000.png")
	writeText(t, corrupt, "no picture")
	code, stdout, stderr := convgraph("predict", params, dir)
	assert.Equal(t, cli.Failed, code)
	assert.Equal(t, strings.Join(lines, "\n")+"\n", stdout)
	assert.Contains(t, stderr, corrupt)
}

func TestPredictForms(t *testing.T) {
	params := colours(t, "", graph.Softmax{})
	dir, pictures := album(t)
	var all []classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "predict", params, dir, "-json", "-top", "2")), &all))
	require.Len(t, all, len(pictures))

	lines := strings.Split(strings.TrimSpace(succeed(t, "predict", params, dir, "-json-lines", "-top", "2")), "\n")
	require.Len(t, lines, len(pictures))
	var one classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(lines[3]), &one))
	assert.Equal(t, all[3], one)
	assert.Len(t, one.Top, 2)

	rows, err := csv.NewReader(strings.NewReader(succeed(t, "predict", params, dir, "-csv", "-top", "2"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(pictures)+1)
	assert.Equal(t, []string{"image", "class", "name", "probability", "class_2", "name_2", "probability_2"}, rows[0])
	assert.Equal(t, []string{pictures[3], fmt.Sprint(one.Class), one.Name, fmt.Sprint(one.Probability)}, rows[4][:4])
	assert.Equal(t, one.Top[1].Name, rows[4][5])

	fail(t, cli.BadUsage, "can't be used together", "predict", params, dir, "-csv", "-json")
	fail(t, cli.BadUsage, "-top is 0: want at least 1", "predict", params, dir, "-top", "0")
}

// TestPredictThresholds: -at-least and -below split the pictures into two parts.
func TestPredictThresholds(t *testing.T) {
	params := colours(t, "", graph.Softmax{})
	dir, pictures := album(t)
	var all []classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "predict", params, dir, "-json")), &all))
	middle := fmt.Sprint(all[10].Probability)
	above := strings.Count(succeed(t, "predict", params, dir, "-at-least", middle), "\n")
	below := strings.Count(succeed(t, "predict", params, dir, "-below", middle), "\n")
	assert.Equal(t, len(pictures), above+below)
	assert.Positive(t, above)
	assert.Positive(t, below)
	fail(t, cli.BadUsage, "-at-least is 2: want 0 to 1", "predict", params, dir, "-at-least", "2")
	fail(t, cli.BadUsage, "-threshold is for multi-label models", "predict", params, dir,
		"-threshold", "0.2")
	numbers := colours(t, graph.MeanSquaredError)
	fail(t, cli.BadUsage, "-at-least and -below are for models that give probabilities", "predict", numbers, dir,
		"-below", "0.2")
}

// TestPredictTables: multi-label models and models of numbers have other columns.
func TestPredictTables(t *testing.T) {
	dir, pictures := album(t)
	labels := colours(t, graph.BinaryCrossEntropy, graph.Sigmoid{})
	rows, err := csv.NewReader(strings.NewReader(succeed(t, "predict", labels, dir, "-csv", "-threshold",
		"0"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(pictures)+1)
	assert.Equal(t, []string{"image", "labels", "a", "b", "c, d", "e", "f"}, rows[0])
	assert.Len(t, strings.Split(rows[1][1], ";"), 5, "every label is above 0")
	rows, err = csv.NewReader(strings.NewReader(succeed(t, "predict", labels, dir, "-csv", "-threshold",
		"1"))).ReadAll()
	require.NoError(t, err)
	assert.Empty(t, rows[1][1])

	numbers := colours(t, graph.MeanSquaredError)
	rows, err = csv.NewReader(strings.NewReader(succeed(t, "predict", numbers, dir, "-csv"))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"image", "a", "b", "c, d", "e", "f"}, rows[0])
	assert.Len(t, rows[1], 6)
}

// TestPredictEmbeds compares the rows with the layer's output for each picture.
func TestPredictEmbeds(t *testing.T) {
	params := colours(t, "", graph.Softmax{})
	dir, pictures := album(t)
	out := filepath.Join(t.TempDir(), "x.npy")
	for layer, size := range map[string]int{"mean": 4, "conv": 4 * 6 * 6} {
		succeed(t, "predict", params, dir, "-embed", layer, "-o", out)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		rows, err := npz.DecodeNPY(data)
		require.NoError(t, err)
		require.Equal(t, len(pictures)*size, rows.Shape().TotalSize())
		require.Equal(t, len(pictures), rows.Shape()[0])
		m := readModel(t, params)
		part, err := m.UpTo(layer)
		require.NoError(t, err)
		s, err := classify.Preprocessing(m.Spec()).Read(pictures[66], m.Spec().Input)
		require.NoError(t, err)
		want, err := part.Predict(asBatch(s.Pixels, m.Spec().Input))
		require.NoError(t, err)
		assert.InDeltaSlice(t, want.Float32s(), rows.Float32s()[66*size:][:size], 1e-6)
	}
	fail(t, cli.BadUsage, "got one of -embed and -o: want both, or neither", "predict", params, dir, "-o", out)
	fail(t, cli.Failed, `-embed: model "colours" has no layer "nothing"`,
		"predict", params, dir, "-o", out, "-embed", "nothing")
	code, _, stderr := convgraph("predict", params, dir, "-o", out, "-embed", "mean", "-at-least", "1")
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, "no picture is left")
}
