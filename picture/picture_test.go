package picture_test

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

	"convgraph/picture"
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

// fit applies the zero value to a picture.
func fit(img image.Image, input []int) ([]float32, error) {
	s, err := picture.Preprocessing{}.Apply(img, input)
	if err != nil {
		return nil, err
	}
	return s.Pixels, nil
}

func TestCoverKeepsTheMiddle(t *testing.T) {
	// The middle 4x4 of 12x4 is green; scaled to 2x2.
	rgb, err := fit(striped(4), []int{3, 2, 2})
	require.NoError(t, err)
	assert.Equal(t, []float32{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0}, rgb)
	gray, err := fit(striped(4), []int{1, 2, 2})
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float32{0.587, 0.587, 0.587, 0.587}, gray, 0.003)

	// A wide target of a high image: one row of each color, unchanged.
	wide, err := fit(striped(30), []int{3, 1, 12})
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}, wide[:12])
	assert.Equal(t, []float32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, wide[24:])
}

func TestCoverRefuses(t *testing.T) {
	for _, c := range []struct {
		shape []int
		img   image.Image
		want  string
	}{
		{
			[]int{2, 3, 3}, striped(3),
			"got input [2 3 3], want (channels, height, width) with 1 channel (gray) or 3 (red, green, blue)",
		},
		{
			[]int{784}, striped(3),
			"got input [784], want (channels, height, width) with 1 channel (gray) or 3 (red, green, blue)",
		},
		{[]int{1, 1, 1 << 20}, striped(3), "got input [1 1 1048576], want a height and a width from 1 to 8192"},
		{[]int{1, 2, 2}, image.NewGray(image.Rectangle{}), "the picture is empty: it has no pixels"},
	} {
		_, err := fit(c.img, c.shape)
		assert.EqualError(t, err, c.want)
	}
}

func TestRead(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, striped(4)))
	img, err := picture.Decode(b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 12, 4), img.Bounds())

	path := filepath.Join(t.TempDir(), "image.jpg") // the content decides, not the name
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	img, err = picture.Read(path)
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 12, 4), img.Bounds())

	require.NoError(t, os.WriteFile(path, b.Bytes()[:b.Len()-20], 0o644))
	_, err = picture.Read(path)
	assert.EqualError(t, err, path+": PNG cut off")
	_, err = picture.Read(path + ".missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
