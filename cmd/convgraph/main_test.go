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

// convgraph runs the command as main does.
func convgraph(args ...string) (code int, stdout, stderr string) {
	var out, diagnostics bytes.Buffer
	code = run(args, &out, &diagnostics)
	return code, out.String(), diagnostics.String()
}

// succeed runs the command, wants it to succeed without a word on stderr, and gives what it
// printed.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := convgraph(args...)
	require.Equal(t, cli.OK, code, "%q: %s", args, stderr)
	require.Empty(t, stderr)
	return stdout
}

// fail runs the command and wants the exit code, nothing on stdout and one line on stderr that has
// the text.
func fail(t *testing.T, want int, text string, args ...string) {
	t.Helper()
	code, stdout, stderr := convgraph(args...)
	assert.Equal(t, want, code, "%q: %s", args, stderr)
	assert.Empty(t, stdout)
	assert.Regexp(t, `^convgraph: .+\n$`, stderr, "one line")
	assert.Contains(t, stderr, text)
}

// small is the parameter file of testdata's small network.
func small(t *testing.T) string {
	t.Helper()
	return imported(t, "testdata/small.safetensors", "testdata/small.json")
}

// imported is the parameter file of another program's file.
func imported(t *testing.T, file, model string, more ...string) string {
	t.Helper()
	params := filepath.Join(t.TempDir(), "params.safetensors")
	succeed(t, append([]string{"import", file, "-model", model, "-o", params}, more...)...)
	return params
}

// readArrays is an .npz file by names.
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

// assertClose wants two arrays of any float type to agree in shape and, up to delta, in values.
func assertClose(t *testing.T, want, got *tensor.Dense, delta float64, what string) {
	t.Helper()
	require.NotNil(t, want, what)
	require.NotNil(t, got, what)
	require.Equal(t, want.Shape(), got.Shape(), what)
	if want.IsScalar() {
		assert.InDelta(t, want.ScalarValue(), got.ScalarValue(), delta, what)
		return
	}
	assert.InDeltaSlice(t, formats.Convert(want, tensor.Float64).Float64s(), formats.Convert(got, tensor.Float64).Float64s(), delta, what)
}
