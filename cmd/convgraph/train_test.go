package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestTrainIsTheMainJob trains, resumes and refuses like trainmnist, with convgraph's name in its
// messages.
func TestTrainIsTheMainJob(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	short := []string{"train", "-quiet", "-train-samples", "100", "-test-samples", "50", "-out", dir}
	stdout := succeed(t, append(short, "-epochs", "1")...)
	assert.Regexp(t, `^final: test accuracy .* \(\d+/50\), train accuracy .* \(\d+/100\), 1 epochs, \d+\.\d s\n$`,
		stdout)
	assert.FileExists(t, filepath.Join(dir, "params.safetensors"))
	succeed(t, "train", "-quiet", "-resume", "-epochs", "2", "-out", dir)

	fail(t, cli.Refused, "-seed: 1 then, 2 now", "train", "-resume", "-seed", "2", "-out", dir)
	fail(t, cli.Refused, "no checkpoint", "train", "-resume", "-out", t.TempDir())
	fail(t, cli.BadUsage, "-batch is 0: want at least 1", "train", "-batch", "0")
	fail(t, cli.BadUsage, "unknown flag --bach, did you mean \"--batch\"? (see convgraph train -help)", "train",
		"-bach", "3")
	fail(t, cli.BadUsage, "(see convgraph -help)", "trian")

	code, help, _ := convgraph("train", "-h")
	require.Equal(t, cli.OK, code)
	assert.Contains(t, help, "Usage: convgraph train [flags]")
}
