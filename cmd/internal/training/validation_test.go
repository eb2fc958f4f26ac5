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

// TestValidation holds out a tenth of the training images, by default where a flag chooses by them.
func TestValidation(t *testing.T) {
	for _, c := range []struct{ flags, said string }{
		{"-validation 0.25", "validation: 50 of 200 training images are held out (-validation 0.25)\n"},
		{"-keep best", "validation: 20 of 200 training images are held out; -keep best uses them (-validation 0.1)\n"},
		{"-early-stop 2",
			"validation: 20 of 200 training images are held out; -early-stop uses them (-validation 0.1)\n"},
		{"-schedule plateau -validation 0.2",
			"validation: 40 of 200 training images are held out; -schedule plateau uses them (-validation 0.2)\n"},
		{"-validation 0", ""},
		{"", ""},
	} {
		dir := t.TempDir()
		args := slices.Concat(tinyTraining(t, 8)[1:], strings.Fields(c.flags), []string{"-out", dir})
		var code int
		var stdout string
		stderr := captureStderr(t, func() { code, stdout, _ = trainmnist(t, args...) })
		require.Equal(t, cli.OK, code, stderr)
		history, err := os.ReadFile(filepath.Join(dir, "history.csv"))
		require.NoError(t, err)
		if c.said == "" {
			assert.NotContains(t, stderr, "validation")
			assert.Contains(t, string(history), ",test_acc,")
			assert.Contains(t, stdout, "/200)")
			continue
		}
		assert.Contains(t, stderr, c.said)
		assert.Contains(t, string(history), ",validation_acc,")
		assert.Contains(t, stdout, "/50), train accuracy ")
		assert.NotContains(t, stdout, "/200)")

		code, _, stderr = trainmnist(t, "-quiet", "-resume", "-out", dir, "-epochs", "4")
		assert.Equal(t, cli.OK, code, stderr)
		code, _, stderr = trainmnist(t, "-quiet", "-resume", "-out", dir, "-validation", "0.5")
		assert.Equal(t, cli.Refused, code)
		assert.Regexp(t, `of another training: -validation: 0\.\d+ then, 0\.5 now\n$`, stderr)
	}
}

func TestRefusesInvalidValidation(t *testing.T) {
	for flags, want := range map[string]string{
		"-validation 1":               "-validation is 1: want at least 0 and less than 1",
		"-validation=-0.1":            "-validation is -0.1: want at least 0 and less than 1",
		"-validation 0 -keep best":    "-validation is 0: -keep best chooses by the validation images",
		"-validation 0 -early-stop 3": "-validation is 0: -early-stop chooses by the validation images",
		"-validation nan -keep best":  "-validation is NaN: want at least 0 and less than 1",
	} {
		code, _, stderr := trainmnist(t, append(strings.Fields(flags), "-out", t.TempDir())...)
		assert.Equal(t, cli.BadUsage, code)
		assert.Equal(t, "trainmnist: "+want+"\n", stderr)
	}
}

// TestValidationOfTooFewImages refuses classes of one image.
func TestValidationOfTooFewImages(t *testing.T) {
	args := append(tinyTraining(t, 8), "-out", t.TempDir(), "-train-samples", "5", "-validation", "0.1")
	code, _, stderr := trainmnist(t, args...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, "-validation: 5 training images in 10 classes leave none to hold out")
}

// TestValidationOfAFolder treats validation images as test images; alexnet's are center crops.
func TestValidationOfAFolder(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := trainmnist(t, "-quiet", "-model", "alexnet", "-data", imageFolder(t), "-size", "67",
		"-width", "0.1", "-batch", "4",
		"-epochs", "1", "-validation", "0.2", "-out", dir)
	require.Equal(t, cli.OK, code, stderr)
	history, err := os.ReadFile(filepath.Join(dir, "history.csv"))
	require.NoError(t, err)
	assert.Contains(t, string(history), ",validation_acc,")
}
