package viz_test

import (
	"image"
	"image/color"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/viz"
)

func TestSideBySide(t *testing.T) {
	left, right := image.NewGray(image.Rect(3, 3, 5, 7)), image.NewGray(image.Rect(0, 0, 3, 2))
	img, err := viz.SideBySide{raw{left}, raw{right}}.Image()
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 5, 4), img.Bounds())
	black, white := color.RGBA{A: 255}, color.RGBA{255, 255, 255, 255}
	assert.Equal(t, black, img.At(1, 3))
	assert.Equal(t, black, img.At(4, 1))
	assert.Equal(t, white, img.At(4, 2), "below the lower picture")

	assert.ErrorContains(t, viz.EncodePNG(io.Discard, viz.SideBySide{}), "side by side: no pictures")
	assert.ErrorContains(t, viz.EncodePNG(io.Discard, viz.SideBySide{raw{left}, viz.ContactSheet{}}),
		"side by side: picture 1: contact sheet: no images")
}
