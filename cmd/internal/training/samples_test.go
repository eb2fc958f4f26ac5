package training

import (
	"bytes"
	"image/png"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/web/inspect"
)

// TestSamplePictures expects some test images for the page from a training on pictures, as the
// network reads them. Digits come with the page.
func TestSamplePictures(t *testing.T) {
	out := t.TempDir()
	code, _, stderr := trainmnist(t, "-model", "alexnet", "-data", imageFolder(t), "-size", "67", "-width", "0.1",
		"-batch", "4",
		"-epochs", "1", "-quiet", "-out", out)
	require.Equal(t, cli.OK, code, stderr)
	sheet, err := png.Decode(bytes.NewReader(resultFile(t, out, "samples.png")))
	require.NoError(t, err)
	assert.Equal(t, 67, sheet.Bounds().Dy())
	assert.Equal(t, 10*67, sheet.Bounds().Dx())
	params := filepath.Join(out, "params.safetensors")
	snapshots, err := inspect.Open(params)
	require.NoError(t, err)
	samples, err := inspect.OpenSamples(params)
	require.NoError(t, err)
	page, err := inspect.New(snapshots, samples)
	require.NoError(t, err)
	assert.Equal(t, samples, page.Samples())

	out = t.TempDir()
	code, _, stderr = trainmnist(t, append(small, "-quiet", "-out", out)...)
	require.Equal(t, cli.OK, code, stderr)
	assert.NoFileExists(t, filepath.Join(out, "samples.png"))
}
