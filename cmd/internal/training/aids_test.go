package training

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestTrainingAids checks that each aid changes the training, gives the same result for any number
// of workers, and survives -resume.
func TestTrainingAids(t *testing.T) {
	args := []string{"-quiet", "-train-samples", "100", "-test-samples", "20", "-batch", "50"}
	plain := t.TempDir()
	code, _, stderr := trainmnist(t, slices.Concat(args, []string{"-epochs", "2", "-out", plain})...)
	require.Equal(t, cli.OK, code, stderr)
	for _, aid := range [][]string{
		{"-class-weights", "balanced"}, {"-mixup", "0.4"}, {"-cutmix", "1"}, {"-cutout", "8"},
		{"-augment", "resized-crop=0.5"}, {"-augment", "color"},
		{"-augment", "shift,edge"}, {"-hardest", "0.5"},
		{"-mixup", "0.2", "-cutmix", "1", "-augment", "crop,edge,mirror,color=0.1", "-cutout", "4"},
	} {
		whole, parts := t.TempDir(), t.TempDir()
		code, _, stderr := trainmnist(t,
			slices.Concat(args, aid, []string{"-epochs", "2", "-workers", "1", "-out", whole})...)
		require.Equal(t, cli.OK, code, stderr)
		assert.NotEqual(t, resultFile(t, plain, "params.safetensors"), resultFile(t, whole, "params.safetensors"), aid)
		code, _, stderr = trainmnist(t,
			slices.Concat(args, aid, []string{"-epochs", "1", "-workers", "3", "-out", parts})...)
		require.Equal(t, cli.OK, code, stderr)
		code, _, stderr = trainmnist(t, "-quiet", "-resume", "-epochs", "2", "-workers", "2", "-out", parts)
		require.Equal(t, cli.OK, code, stderr)
		assert.Equal(t, resultFile(t, whole, "params.safetensors"), resultFile(t, parts, "params.safetensors"), aid)
	}
}

func TestRefusesInvalidAids(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"-mixup=-1", "-mixup: got -1, want 0, or 0.05 to 1000"},
		{"-hardest=-0.1", "-hardest: got -0.1, want more than 0 and at most 1, or 0 for all images"},
		{"-hardest 0.5 -mixup 1",
			"-hardest ranks images by their own loss: want no -mixup and no -cutmix, or -hardest 0"},
		{"-hardest 0.5 -sampling replace",
			"-hardest chooses the images of an epoch: want -sampling shuffle, or -hardest 0"},
		{"-hardest 0.5 -schedule step",
			"-schedule step counts epochs of equal length: want -hardest 0, or another schedule"},
		{"-eval-train-samples=-1", "-eval-train-samples: got -1, want at least 0"},
		{"-cutmix 0.01", "-cutmix: got 0.01, want 0, or 0.05 to 1000"},
		{"-cutout=-3", "-cutout: got -3, want at least 0"},
		{"-cutout 99999", "-cutout: training: cutout: got a side of 99999 pixels, want 1 to 8192"},
		{"-augment resized-crop=2",
			"-augment: training: resized crop: got a share of 2, want more than 0 and at most 1"},
		{"-augment color=3", "-augment: training: color: got 3, want 0 to 1"},
		{"-augment color=-1", `-augment: got "color=-1", want color or color=AMOUNT, such as color=0.2`},
		{"-augment edge=1", `-augment: got "edge=1", want edge`},
		{"-augment blur", `-augment: got "blur", want some of crop, shift, rotate, scale, elastic, resized-crop, ` +
			`color, mirror, edge`},
	} {
		code, _, stderr := trainmnist(t, append([]string{"-quiet", "-out", t.TempDir()}, strings.Fields(c.flags)...)...)
		assert.Equal(t, cli.BadUsage, code, c.flags)
		assert.Contains(t, stderr, c.want)
	}
}

// TestFindsALearningRate expects a suggestion and a plot, and no results of a training.
func TestFindsALearningRate(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	args := []string{"-quiet", "-train-samples", "500", "-test-samples", "20", "-batch", "25", "-lr-find", "-out", out}
	code, stdout, stderr := trainmnist(t, args...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Regexp(t, `^learning rate: -lr 0\.0\d+, where the loss has fallen half way; it is lowest at \S+ \(`+
		regexp.QuoteMeta(filepath.Join(out, "lr-find.png"))+`\)\n$`, stdout)
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	_, again, _ := trainmnist(t, args...)
	assert.Equal(t, stdout, again)
	code, _, stderr = trainmnist(t, append(args, "-resume")...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, "-lr-find suggests a rate for a new run")
}

// TestNonSquareInput trains a network of wide images with every change of geometry.
func TestNonSquareInput(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "wide.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name": "wide", "input": [3, 12, 20], "init": "he", "layers": [
		{"kind": "conv2d", "filters": 4, "kernel": [3, 3], "pad": [1, 1]}, {"kind": "relu"},
		{"kind": "max_pool", "kernel": [2, 2], "stride": [2, 2]}, {"kind": "affine", "units": 2},
		{"kind": "softmax"}]}`), 0o644))
	out := t.TempDir()
	code, _, stderr := trainmnist(t, "-quiet", "-model", spec, "-data", imageFolder(t), "-batch", "4", "-epochs", "1",
		"-out", out,
		"-augment", "resized-crop=0.5,crop=3,rotate=20,edge,mirror", "-cutout", "5", "-cutmix", "1")
	require.Equal(t, cli.OK, code, stderr)
	assert.FileExists(t, filepath.Join(out, "augmentation.png"))
}
