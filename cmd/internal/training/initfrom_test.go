package training

import (
	"fmt"
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

// writeSpec writes a network for MNIST's images whose last layer has as many units as the data has
// classes, or more.
func writeSpec(t *testing.T, path string, hidden, outputs int) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"name": "mine", "input": [1, 28, 28], "layers": [
		{"kind": "max_pool", "kernel": 4},
		{"kind": "affine", "units": %d}, {"kind": "relu"}, {"kind": "affine", "units": %d},
		{"kind": "softmax"}]}`, hidden, outputs), 0o644))
}

// TestInitFrom fine-tunes with a tiny learning rate: layers from the file keep its values, and the
// training is resumed only with the same file.
func TestInitFrom(t *testing.T) {
	dir := t.TempDir()
	spec, wider := filepath.Join(dir, "mine.json"), filepath.Join(dir, "wider.json")
	writeSpec(t, spec, 12, 10)
	writeSpec(t, wider, 12, 11)
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	train := func(args ...string) (int, string) {
		var code int
		var line string
		said := captureStderr(t, func() {
			args = append([]string{"-epochs", "1", "-train-samples", "200", "-test-samples", "50", "-batch", "50"},
				args...)
			code, _, line = trainmnist(t, args...)
		})
		return code, said + line
	}
	code, said := train("-quiet", "-model", spec, "-out", first)
	require.Equal(t, cli.OK, code, said)
	params := filepath.Join(first, "params.safetensors")

	tune := []string{"-model", wider, "-out", second, "-init-from", params, "-optimizer", "sgd", "-lr", "1e-30"}
	code, said = train(tune...)
	require.Equal(t, cli.OK, code, said)
	assert.Contains(t, said, "from "+params+": fc1\nnew: fc2 (fc2.weight is (11, 12) here, (10, 12) there)\n")
	from, err := graph.Load(params)
	require.NoError(t, err)
	tuned, err := graph.Load(filepath.Join(second, "params.safetensors"))
	require.NoError(t, err)
	for i := range 2 {
		assert.Equal(t, from.Params()[i].Value.Float32s(), tuned.Params()[i].Value.Float32s())
	}
	assert.Equal(t, tensor.Shape{11, 12}, tuned.Params()[2].Value.Shape())

	code, said = train(append(tune, "-quiet", "-resume", "-epochs", "2")...)
	assert.Equal(t, cli.OK, code, said)
	assert.NotContains(t, said, "from "+params)
	code, said = train("-quiet", "-out", second, "-resume", "-epochs", "3")
	assert.Equal(t, cli.OK, code, "without the flag: %s", said)
	code, said = train(append(tune, "-quiet", "-resume", "-epochs", "3",
		"-init-from", filepath.Join(second, "params.safetensors"))...)
	assert.Equal(t, cli.Refused, code)
	assert.Regexp(t, `of another training: -init-from: parameters [0-9a-f]{16} then, parameters [0-9a-f]{16} now\n$`,
		said)
	code, said = train("-quiet", "-model", spec, "-out", first, "-resume", "-init-from", params)
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, said, "-init-from is "+params+": the run in "+first+" began without it\n")
}

func TestInitFromErrors(t *testing.T) {
	dir := t.TempDir()
	m, err := graph.New(graph.Sequential("other", tensor.Shape{1, 28, 28}, graph.He(), graph.Affine{Units: 10},
		graph.Softmax{}))
	require.NoError(t, err)
	params := filepath.Join(dir, "other.safetensors")
	require.NoError(t, m.Save(params))
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "no such file",
		params: `-init-from: ` + params +
			` has nothing for model "simpleconvnet", whose layers need the same names and shapes: ` +
			`conv1 (no conv1.weight there), fc1 (fc1.weight is (100, 4320) here, (10, 784) there), ` +
			`fc2 (no fc2.weight there); ` +
			`"convgraph summary ` + params + ` -json-spec" prints the file's own network`,
	} {
		code, stdout, stderr := trainmnist(t, append(small, "-quiet", "-model", "simpleconvnet",
			"-out", filepath.Join(dir, "run"), "-init-from", path)...)
		assert.Equal(t, cli.Failed, code)
		assert.Empty(t, stdout)
		assert.True(t, strings.HasPrefix(stderr, "trainmnist: -init-from: "), stderr)
		assert.Contains(t, stderr, want)
		assert.NoDirExists(t, filepath.Join(dir, "run"))
	}
}

func TestShortList(t *testing.T) {
	assert.Equal(t, "a, b, c, d, e, f, g, h, i", shortList(strings.Split("abcdefghi", "")))
	assert.Equal(t, "a, b, c, d, e, f, g, h and 2 more", shortList(strings.Split("abcdefghij", "")))
}
