package training

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// loud trains a little and gives the lines of stdout.
func loud(t *testing.T, out string, flags ...string) (lines []string) {
	t.Helper()
	var code int
	var stdout string
	stderr := captureStderr(t, func() {
		code, stdout, _ = trainmnist(t,
			append([]string{"-out", out, "-train-samples", "100", "-test-samples", "50", "-batch", "50"}, flags...)...)
	})
	require.Equal(t, cli.OK, code, stderr)
	return strings.Split(strings.TrimSpace(stdout), "\n")
}

// TestLastLines checks the lines at the end: the kept epoch with its accuracy, why the training
// ended, and what to run next. accuracy.svg shows the same.
func TestLastLines(t *testing.T) {
	out := filepath.Join(t.TempDir(), "my run")
	lines := loud(t, out, "-lr", "1e-9", "-epochs", "9", "-early-stop", "2", "-keep", "best")
	require.Len(t, lines, 4)
	assert.Regexp(t, `^kept: epoch 1 of 3, the best, validation accuracy \d+\.\d\d% of 10 images$`, lines[0])
	assert.Equal(t, "ended: -early-stop: no better validation accuracy in 2 epochs, 3 of 9 epochs done", lines[1])
	params := "'" + filepath.Join(out, "params.safetensors") + "'"
	assert.Equal(t, "next: convgraph predict "+params+" PICTURE, or convgraph serve "+params, lines[2])
	assert.Contains(t, lines[3], "final: ")
	_, rest, _ := strings.Cut(lines[0], "accuracy ")
	accuracy, _, _ := strings.Cut(rest, " of")
	drawing, err := os.ReadFile(filepath.Join(out, "accuracy.svg"))
	require.NoError(t, err)
	assert.Contains(t, string(drawing), "kept: epoch 1, "+accuracy)
	assert.Contains(t, string(drawing), "validation (10 images), last ")
	assert.Contains(t, string(drawing), "train (90 images), last ")

	lines = loud(t, t.TempDir(), "-epochs", "2")
	assert.Regexp(t, `^kept: epoch 2 of 2, the last, test accuracy \d+\.\d\d% of 50 images$`, lines[0])
	assert.Equal(t, "ended: all 2 epochs are done", lines[1])
}

// TestFolds validates each part once, and the test images at the end. A run is resumed with its own
// part only.
func TestFolds(t *testing.T) {
	out := t.TempDir()
	lines := loud(t, out, "-epochs", "1", "-fold", "2/5")
	assert.Regexp(t, `validation accuracy \d+\.\d\d% of 20 images$`, lines[0])
	assert.Contains(t, lines[3], "/50), train accuracy ")
	code, _, stderr := trainmnist(t, "-resume", "-out", out, "-quiet", "-epochs", "2", "-fold", "3/5")
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr, "-fold: 2/5 then, 3/5 now")
	code, _, stderr = trainmnist(t, "-resume", "-out", out, "-quiet", "-epochs", "2")
	assert.Equal(t, cli.OK, code, stderr)
	for _, bad := range []string{"0/5", "6/5", "1/1", "2", "a/b", "1/1001"} {
		code, _, stderr := trainmnist(t, "-out", t.TempDir(), "-fold", bad)
		assert.Equal(t, cli.BadUsage, code)
		assert.Contains(t, stderr, `-fold: got "`+bad+`", want K/N`)
	}
	code, _, stderr = trainmnist(t, "-out", t.TempDir(), "-fold", "1/5", "-validation", "0.1")
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, "want one of them")
	assert.Equal(t, filepath.Join("runs", "lenet-fold-1-of-5"), (&Command{Model: "lenet", Fold: "1/5"}).out())
}

// TestOneCycleTrains, and is refused with a warm-up, or when it is resumed with other epochs.
func TestOneCycleTrains(t *testing.T) {
	out := t.TempDir()
	args := []string{"-quiet", "-train-samples", "100", "-test-samples", "20", "-batch", "50", "-schedule", "one-cycle"}
	code, _, stderr := trainmnist(t, slices.Concat(args, []string{"-epochs", "2", "-out", out})...)
	require.Equal(t, cli.OK, code, stderr)
	code, _, stderr = trainmnist(t, "-quiet", "-resume", "-out", out, "-epochs", "3")
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr, "-epochs: 2 then, 3 now")
	code, _, stderr = trainmnist(t, slices.Concat(args, []string{"-warmup", "5", "-out", t.TempDir()})...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, "-warmup: got 5, want 0: -schedule one-cycle has a rise of its own")
}
