package dataset_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// striped has columns of red, green and blue, four pixels each.
func striped(height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(5, 7, 17, 7+height)) // bounds that don't begin at 0
	for y := range height {
		for x := range 12 {
			c := color.RGBA{A: 255}
			*[]*uint8{&c.R, &c.G, &c.B}[x/4] = 255
			img.SetRGBA(5+x, 7+y, c)
		}
	}
	return img
}

func TestFitKeepsTheMiddle(t *testing.T) {
	// The middle 4x4 of 12x4 is green; scaled to 2x2.
	rgb, err := dataset.Fit(striped(4), tensor.Shape{3, 2, 2})
	require.NoError(t, err)
	assert.Equal(t, []float32{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0}, rgb)
	grey, err := dataset.Fit(striped(4), tensor.Shape{1, 2, 2})
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{0.587, 0.587, 0.587, 0.587}, grey, 0.003)

	// A wide target of a high image: one row of each colour's place, as it is.
	wide, err := dataset.Fit(striped(30), tensor.Shape{3, 1, 12})
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}, wide[:12])
	assert.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, wide[24:])
}

func TestFitRefuses(t *testing.T) {
	for _, c := range []struct {
		shape tensor.Shape
		img   image.Image
		want  string
	}{
		{tensor.Shape{2, 3, 3}, striped(3), "an image can't be made a sample of (2, 3, 3): 2 channels, expected 1 (brightness) or 3 (red, green, blue)"},
		{tensor.Shape{784}, striped(3), "shape (784): expected channels, height and width, each at least 1"},
		{tensor.Shape{1, 1, 1 << 20}, striped(3), "an image can't be made a sample of (1, 1, 1048576): expected at most 8192x8192"},
		{tensor.Shape{1, 2, 2}, image.NewGray(image.Rectangle{}), "the image is empty"},
	} {
		_, err := dataset.Fit(c.img, c.shape)
		assert.EqualError(t, err, c.want)
	}
}

func TestReadImage(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, striped(4)))
	img, err := dataset.DecodeImage(b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 12, 4), img.Bounds())

	path := filepath.Join(t.TempDir(), "image.jpg") // the content decides, not the name
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	img, err = dataset.ReadImage(path)
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 12, 4), img.Bounds())

	require.NoError(t, os.WriteFile(path, b.Bytes()[:b.Len()-20], 0o644))
	_, err = dataset.ReadImage(path)
	assert.EqualError(t, err, path+": PNG: unexpected EOF")
	_, err = dataset.ReadImage(path + ".missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
