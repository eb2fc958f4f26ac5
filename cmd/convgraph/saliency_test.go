package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/insight"
	"convgraph/internal/cli"
)

func TestSaliency(t *testing.T) {
	params, path, out := saved(t, builtIn(t, "lenet-modern")), page(t), filepath.Join(t.TempDir(), "s.png")
	assert.Regexp(t, `^predicted \d \(\d+\.\d\d%\)\n$`, succeed(t, "saliency", params, path, "-o", out))
	requireGolden(t, "saliency.png", out)
	succeed(t, "saliency", saved(t, smallAlexNet()), path, "-o", out)
	assert.Regexp(t, `^predicted \d \(.*\); heat for 9\n$`,
		succeed(t, "saliency", params, path, "-o", out, "-class", "9"))
	var said decision
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "saliency", params, path, "-o", out, "-class", "9", "-json")),
		&said))
	assert.Equal(t, path, said.Image)
	assert.Len(t, said.Top, 3)
	assert.Equal(t, 9, said.HeatOf)
}

// TestSaliencyMethods draws a different picture for every method.
func TestSaliencyMethods(t *testing.T) {
	params, path, dir := saved(t, builtIn(t, "lenet-modern")), page(t), t.TempDir()
	drawn := map[string]string{}
	for _, method := range insight.Methods {
		out := filepath.Join(dir, string(method)+".png")
		assert.Regexp(t, `^predicted \d \(\d+\.\d\d%\)\n$`,
			succeed(t, "saliency", params, path, "-o", out, "-method", string(method), "-steps", "5", "-samples", "3"))
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.NotContains(t, drawn, string(data), "%s is drawn like %s", method, drawn[string(data)])
		drawn[string(data)] = string(method)
	}
	out := filepath.Join(dir, "c1.png")
	succeed(t, "saliency", params, path, "-o", out, "-method", "grad-cam", "-layer", "s2")
}

func TestSaliencyFailures(t *testing.T) {
	params := saved(t, builtIn(t, "lenet-modern"))
	fail(t, cli.BadUsage, `-class is 10: model "lenet-modern" has classes 0 to 9`,
		"saliency", params, page(t), "-o", "x.png", "-class", "10")
	fail(t, cli.BadUsage, "-layer is for -method grad-cam, got gradient", "saliency", params, page(t), "-o", "x.png",
		"-layer", "conv1")
	fail(t, cli.BadUsage, "-steps is 0: want at least 1", "saliency", params, page(t), "-o", "x.png", "-steps", "0")
	fail(t, cli.BadUsage, "-samples is 0: want at least 1", "saliency", params, page(t), "-o", "x.png", "-samples", "0")
	fail(t, cli.BadUsage, "-noise is 0: want more than 0", "saliency", params, page(t), "-o", "x.png", "-noise", "0")
	fail(t, cli.BadUsage, "want at least 0", "saliency", params, page(t), "-o", "x.png", "-window=-1")
	fail(t, cli.BadUsage, `must be one of`, "saliency", params, page(t), "-o", "x.png", "-method", "guess")
	fail(t, cli.Failed, `has no layer "nothing"`, "saliency", params, page(t), "-o", "x.png", "-method", "grad-cam",
		"-layer", "nothing")
}
