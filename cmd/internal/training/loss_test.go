package training

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
)

// TestLoss trains with each loss, declared by the flag or by the last layer, and wants the file to
// say which.
func TestLoss(t *testing.T) {
	for _, c := range []struct {
		last, flag string
		want       graph.Loss
	}{
		{`, {"kind": "softmax"}`, "", graph.CrossEntropy},
		{`, {"kind": "sigmoid"}`, "", graph.BinaryCrossEntropy},
		{"", "", graph.MeanSquaredError},
		{"", "cross_entropy", graph.CrossEntropy},
		{"", "binary_cross_entropy", graph.BinaryCrossEntropy},
		{`, {"kind": "softmax"}`, "mean_squared_error", graph.MeanSquaredError},
	} {
		dir := t.TempDir()
		spec := filepath.Join(dir, "mine.json")
		require.NoError(t, os.WriteFile(spec, []byte(`{"name": "mine", "input": [1, 28, 28], "layers": [
		{"kind": "max_pool", "kernel": 4},
			{"kind": "affine", "units": 10}`+c.last+`]}`), 0o644))
		args := []string{"-quiet", "-model", spec, "-out", dir, "-train-samples", "1000", "-test-samples", "500",
			"-batch", "20", "-epochs", "6", "-lr", "0.01"}
		if c.flag != "" {
			args = append(args, "-loss", c.flag)
		}
		assert.Greater(t, accuracyOf(t, args...), 70., "%+v", c)
		m, err := graph.Load(filepath.Join(dir, "params.safetensors"))
		require.NoError(t, err)
		assert.Equal(t, c.want, m.TrainingLoss(), "%+v", c)
		assert.Equal(t, graph.Loss(c.flag), m.Spec().Loss, "the spec says what it was told, and no more: %+v", c)
	}
}

// accuracyOf trains and gives the percentage of right answers on the test images.
func accuracyOf(t *testing.T, args ...string) float64 {
	t.Helper()
	code, stdout, stderr := trainmnist(t, args...)
	require.Equal(t, cli.OK, code, stderr)
	found := regexp.MustCompile(`test accuracy ([0-9.]+)%`).FindStringSubmatch(stdout)
	require.NotNil(t, found, stdout)
	percent, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return percent
}
