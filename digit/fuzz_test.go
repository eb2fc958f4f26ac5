package digit_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"testing"

	"convgraph/digit"
	"convgraph/train/dataset"
)

// FuzzDigit reads anything as a picture: it is refused, or is a digit of the right form.
func FuzzDigit(f *testing.F) {
	img := drawing(image.Rect(0, 0, 12, 20), image.Rect(4, 3, 7, 16), paper, pen)
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	f.Add(b.Bytes(), 0)
	f.Add(b.Bytes()[:b.Len()/2], 1)
	b = bytes.Buffer{}
	_ = jpeg.Encode(&b, img, nil)
	f.Add(b.Bytes(), 2)
	f.Add([]byte("\x89PNG\r\n\x1a\n"), 0)
	f.Fuzz(func(t *testing.T, data []byte, ink int) {
		picture, err := dataset.DecodeImage(data)
		if err != nil {
			return
		}
		d, err := digit.FromImage(picture, digit.Ink(ink))
		if err == nil {
			requireForm(t, d.Pixels)
		}
	})
}
