package training

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/train/dataset"
)

func TestParseAugment(t *testing.T) {
	a, err := parseAugment("shift,rotate=7.5,elastic,mirror")
	require.NoError(t, err)
	assert.Equal(t, augmented{distort: dataset.Distort{Shift: 2, Rotate: 7.5, ElasticAlpha: 34, ElasticSigma: 4},
		mirror: true}, a)
	assert.Equal(t, []dataset.Transform{a.distort, dataset.Mirror{}}, a.transforms(28, 28, picture.Preprocessing{}))

	a, err = parseAugment("scale")
	require.NoError(t, err)
	a.crop = 3
	assert.Equal(t, []dataset.Transform{dataset.RandomCrop{Height: 5, Width: 6, Padding: 3},
		dataset.Distort{Scale: 0.1}}, a.transforms(5, 6, picture.Preprocessing{}))

	a, err = parseAugment("")
	require.NoError(t, err)
	assert.Empty(t, a.transforms(28, 28, picture.Preprocessing{}))
}

// TestAugmentedTraining writes a sheet of the images, the same each time, and changes the training.
func TestAugmentedTraining(t *testing.T) {
	plain, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	args := []string{"-quiet", "-epochs", "1", "-train-samples", "100", "-test-samples", "20"}
	for _, run := range [][]string{{"-out", plain}, {"-out", first, "-augment", "rotate,elastic"},
		{"-out", second, "-augment", "rotate,elastic"}} {
		code, _, stderr := trainmnist(t, append(run, args...)...)
		require.Equal(t, cli.OK, code, stderr)
	}
	assert.NoFileExists(t, filepath.Join(plain, "augmentation.png"))
	picture := resultFile(t, first, "augmentation.png")
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	assert.Greater(t, img.Bounds().Dx(), 800, "ten columns")
	assert.Equal(t, picture, resultFile(t, second, "augmentation.png"))
	assert.Equal(t, resultFile(t, first, "params.safetensors"), resultFile(t, second, "params.safetensors"))
	assert.NotEqual(t, resultFile(t, plain, "params.safetensors"), resultFile(t, first, "params.safetensors"))
}

func resultFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return data
}
