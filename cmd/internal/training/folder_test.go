package training

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/internal/cli"
	"convgraph/train/dataset"
)

// TestSkipsCorruptImages trains a small AlexNet on a folder with a corrupt image in either set.
// -strict fails.
func TestSkipsCorruptImages(t *testing.T) {
	dir := imageFolder(t)
	for _, half := range []string{"train", "test"} {
		images, err := filepath.Glob(filepath.Join(dir, half, "0", "*.png"))
		require.NoError(t, err)
		require.NoError(t, os.Truncate(images[0], 60))
	}
	args := []string{"-model", "alexnet", "-data", dir, "-size", "67", "-width", "0.1", "-batch", "4",
		"-epochs", "1", "-quiet"}

	errors := captureStderr(t, func() {
		code, stdout, stderr := trainmnist(t, append(args, "-out", t.TempDir())...)
		require.Equal(t, cli.OK, code, stderr)
		assert.Regexp(t, `^final: test accuracy \S+ \(\d+/11\), train accuracy \S+ \(\d+/11\), 1 epochs`, stdout)
	})
	assert.Contains(t, errors, filepath.Join(dir, "train", "0"))
	assert.Contains(t, errors, filepath.Join(dir, "test", "0"))
	assert.Contains(t, errors, "2 corrupt images were skipped; -strict fails on the first")

	code, _, stderr := trainmnist(t, append(args, "-out", t.TempDir(), "-strict")...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, "corrupt image "+filepath.Join(dir, "train", "0"))
}

// TestNamesVanishedAndLeftOutImages skips and names an image that vanishes during the training, and
// names what class folders contain besides images. -strict fails.
func TestNamesVanishedAndLeftOutImages(t *testing.T) {
	dir := imageFolder(t)
	images, err := filepath.Glob(filepath.Join(dir, "train", "1", "*.png"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "train", "0", "photo.heic"), nil, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "val"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "train", "__MACOSX"), 0o755))
	c := &Command{Model: "simpleconvnet", Data: dir, Quiet: true, Seed: 1, Recipe: "book", DecayEvery: 5,
		DecayFactor: 0.1}
	r, err := c.recipe()
	require.NoError(t, err)
	s, err := c.open(r)
	require.NoError(t, err)
	require.NoError(t, os.Remove(images[0]))
	for i := range s.train.Len() {
		_, _ = s.train.Sample(i, make([]float32, s.train.Shape().TotalSize()))
	}
	var text strings.Builder
	s.reportCorrupt(&text)
	assert.Equal(t, "left out: "+filepath.Join(dir, "train", "0")+
		": 1 files that aren't named as a picture of a known format: photo.heic\n"+
		"left out: 1 folders beside the training and the test set: val\nleft out: 1 hidden or system files: __MACOSX\n"+
		"skipped: corrupt image "+images[0]+": cannot be read: no such file or directory\n"+
		"1 corrupt images were skipped; -strict fails on the first\n", text.String())

	code, _, stderr := trainmnist(t, "-model", "simpleconvnet", "-data", dir, "-epochs", "1", "-batch", "4", "-quiet",
		"-out", t.TempDir(), "-strict")
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, "photo.heic")
}

// imageFolder is a folder of twelve training and twelve test images of two classes.
func imageFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "images")
	pixels, labels := make([]uint8, 12*8*8), make([]uint8, 12)
	for i := range pixels {
		pixels[i] = uint8(i * 7)
	}
	for i := range labels {
		labels[i] = uint8(i % 2)
	}
	set, err := dataset.NewImages(tensor.Shape{1, 8, 8}, pixels, labels, 2)
	require.NoError(t, err)
	require.NoError(t, dataset.ExportSplit(set, set, dir))
	return dir
}

// captureStderr gives what is written to os.Stderr meanwhile, which is little.
func captureStderr(t *testing.T, during func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	require.NoError(t, err)
	was := os.Stderr
	os.Stderr = f
	defer func() { os.Stderr = was }()
	during()
	require.NoError(t, f.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
