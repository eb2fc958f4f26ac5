package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/cli"
)

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestWriteErrorsOfStdout: every command that prints figures fails if stdout can't be written.
func TestWriteErrorsOfStdout(t *testing.T) {
	params, picture, data, dir := saved(t, builtIn(t, "simpleconvnet")), page(t), digitsFolder(t, 20), t.TempDir()
	for _, args := range [][]string{
		{"-help"},
		{"summary", "lenet"},
		{"summary", "lenet", "-json"},
		{"summary", "lenet", "-json-spec"},
		{"gradcheck", "simpleconvnet"},
		{"gradcheck", "simpleconvnet", "-json"},
		{"predict", params, picture},
		{"predict", params, picture, "-json"},
		{"eval", params, "-data", data},
		{"eval", params, "-data", data, "-json"},
		{"confusion", params, "-data", data, "-o", dir},
		{"import", "testdata/small.npz", "-model", "testdata/small.json", "-o", dir + "/params.safetensors"},
		{"features", params, picture, "-o", dir},
		{"saliency", params, picture, "-o", dir + "/saliency.png"},
		{"images", "-o", dir + "/images", "-data", data},
	} {
		var stderr bytes.Buffer
		code := run(args, brokenWriter{}, &stderr)
		assert.Equal(t, cli.Failed, code, "%v", args)
		assert.Equal(t, "convgraph: no space left on device\n", stderr.String(), "%v", args)
	}
}
