package training

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/cli"
)

// normalized writes a network with two BatchNorm layers, and gives the flags of a training of it.
func normalized(t *testing.T) (args []string) {
	t.Helper()
	spec := filepath.Join(t.TempDir(), "normalized.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name": "normalized", "input": [1, 28, 28], "layers": [
		{"kind": "max_pool", "kernel": 4},
		{"kind": "conv2d", "filters": 4, "kernel": 3, "no_bias": true}, {"kind": "batch_norm"}, {"kind": "relu"},
		{"kind": "affine", "units": 10}, {"kind": "batch_norm"}, {"kind": "softmax"}]}`), 0o644))
	return []string{"-quiet", "-model", spec, "-train-samples", "200", "-test-samples", "50", "-batch", "20"}
}

// parameters are the values in a file by the parameters' names.
func parameters(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	m, err := graph.Load(path)
	require.NoError(t, err)
	values := map[string][]float32{}
	for _, p := range m.Params() {
		values[p.Name] = p.Value.Float32s()
	}
	return values
}

// TestFreeze keeps the bits of frozen parameters, and the running statistics of a BatchNorm that is
// frozen as a whole.
func TestFreeze(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	args := normalized(t)
	code, _, stderr := trainmnist(t, append(args, "-epochs", "1", "-out", first)...)
	require.Equal(t, cli.OK, code, stderr)
	was := parameters(t, filepath.Join(first, "params.safetensors"))

	frozen := []string{"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "fc1.bias",
		"bn2.weight"}
	check := func() {
		t.Helper()
		for name, now := range parameters(t, filepath.Join(second, "params.safetensors")) {
			assert.Equal(t, slices.Contains(frozen, name), slices.Equal(was[name], now), name)
		}
	}
	tune := slices.Concat(args, []string{"-out", second, "-init-from", filepath.Join(first, "params.safetensors"),
		"-weight-decay", "0.1", "-average", "0.5", "-freeze", "conv*,bn1,fc1.bias,bn2.weight"})
	code, _, stderr = trainmnist(t, append(tune, "-epochs", "1")...)
	require.Equal(t, cli.OK, code, stderr)
	check()
	code, _, stderr = trainmnist(t, "-quiet", "-out", second, "-resume", "-epochs", "2")
	require.Equal(t, cli.OK, code, "the flag need not be repeated: %s", stderr)
	check()
	code, _, stderr = trainmnist(t, "-quiet", "-out", second, "-resume", "-epochs", "3", "-freeze", "conv1")
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr, "-freeze: conv*,bn1,fc1.bias,bn2.weight then, conv1 now")
}

func TestFreezeFailures(t *testing.T) {
	args := append(normalized(t), "-epochs", "1", "-out", filepath.Join(t.TempDir(), "run"))
	for pattern, want := range map[string]string{
		"nothing": `-freeze: model "normalized": no parameter's name matches "nothing"`,
		"[":       `-freeze: pattern "[": syntax error in pattern`,
	} {
		code, _, stderr := trainmnist(t, append(args, "-freeze", pattern)...)
		assert.Equal(t, cli.BadUsage, code)
		assert.Contains(t, stderr, want)
	}
	code, _, stderr := trainmnist(t, append(args, "-freeze", "*")...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, `model "normalized" has only frozen parameters: there is nothing to train`)
}
