package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/internal/cli"
)

// convgraph runs the command like main.
func convgraph(args ...string) (code int, stdout, stderr string) {
	var out, diagnostics bytes.Buffer
	code = run(args, &out, &diagnostics)
	return code, out.String(), diagnostics.String()
}

// succeed runs the command, requires success and an empty stderr, and returns stdout.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := convgraph(args...)
	require.Equal(t, cli.OK, code, "%q: %s", args, stderr)
	require.Empty(t, stderr)
	return stdout
}

// fail runs the command and requires the exit code, an empty stdout, and one line on stderr with
// the text.
func fail(t *testing.T, want int, text string, args ...string) {
	t.Helper()
	code, stdout, stderr := convgraph(args...)
	assert.Equal(t, want, code, "%q: %s", args, stderr)
	assert.Empty(t, stdout)
	assert.Regexp(t, `^convgraph: .+\n$`, stderr, "one line")
	assert.Contains(t, stderr, text)
}

// small returns the parameter file of testdata's small network.
func small(t *testing.T) string {
	t.Helper()
	return imported(t, "testdata/small.safetensors", "testdata/small.json")
}

// imported imports another program's file and returns the parameter file.
func imported(t *testing.T, file, model string, more ...string) string {
	t.Helper()
	params := filepath.Join(t.TempDir(), "params.safetensors")
	succeed(t, append([]string{"import", file, "-model", model, "-o", params}, more...)...)
	return params
}

// readArrays reads an .npz file.
func readArrays(t *testing.T, path string) map[string]*tensor.Dense {
	t.Helper()
	arrays, err := npz.ReadFile(path)
	require.NoError(t, err)
	byName := map[string]*tensor.Dense{}
	for _, a := range arrays {
		byName[a.Name] = a.Value
	}
	return byName
}

// assertClose asserts that two arrays have the same shape and, up to delta, the same values.
func assertClose(t *testing.T, want, got *tensor.Dense, delta float64, what string) {
	t.Helper()
	require.NotNil(t, want, what)
	require.NotNil(t, got, what)
	require.Equal(t, want.Shape(), got.Shape(), what)
	if want.IsScalar() {
		assert.InDelta(t, want.ScalarValue(), got.ScalarValue(), delta, what)
		return
	}
	assert.InDeltaSlice(t, formats.Convert(want, tensor.Float64).Float64s(),
		formats.Convert(got, tensor.Float64).Float64s(), delta, what)
}
